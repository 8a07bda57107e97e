// Ranking: the pictures of one image as cards, the best first, moved by drag, buttons and keys.

const EDGE = 70; // pixels from the edge of the window at which a drag scrolls

const ranking = {
  list: document.getElementById("cards"),
  votes: null,
  image: 0,

  /** Show the pictures of an image in a voter's order. */
  show(votes, image) {
    this.votes = votes;
    this.image = image;
    const { width, height } = DATA.images[image];
    this.list.replaceChildren(...DATA.images[image].rows.map((_, item) => this.card(item)));
    for (const view of document.querySelectorAll("#board .view")) view.style.aspectRatio = `${width} / ${height}`;
    this.arrange();
  },

  card(item) {
    const card = document.getElementById("card").content.firstElementChild.cloneNode(true);
    const letter = this.votes.letter(this.image, item);
    card.dataset.item = item;
    card.querySelector(".letter").textContent = letter;
    card.querySelector("img").src = DATA.images[this.image].rows[item];
    card.querySelector("img").alt = `Picture ${letter}`;
    card.querySelector(".open").setAttribute("aria-label", `Large view of picture ${letter}`);
    card.querySelector(".open").onclick = () => large.show(item);
    card.querySelector(".better").onclick = () => this.move(item, this.place(item) - 1, ".better");
    card.querySelector(".worse").onclick = () => this.move(item, this.place(item) + 1, ".worse");
    card.querySelector(".bar").addEventListener("pointerdown", (event) => dragging.begin(card, event));
    card.querySelector(".view").onclick = () => card.querySelector(".grip").focus({ preventScroll: true });
    card.addEventListener("keydown", (event) => this.key(item, event));
    return card;
  },

  cardOf(item) {
    return this.list.querySelector(`[data-item="${item}"]`);
  },

  place(item) {
    return this.votes.orders[this.image].indexOf(item);
  },

  /** Put the cards in order, and say their places. */
  arrange() {
    this.votes.orders[this.image].forEach((item, place) => {
      const card = this.cardOf(item);
      const letter = this.votes.letter(this.image, item);
      this.list.append(card);
      card.style.order = "";
      card.classList.toggle("first", place === 0);
      card.querySelector(".grip").setAttribute("aria-label", `Picture ${letter}, place ${place + 1} of ${COUNT}`);
      card.querySelector(".rank").textContent = `${place + 1}${place === 0 ? " best" : place === COUNT - 1 ? " worst" : ""}`;
      for (const [name, sign, goal] of [["better", "←", place], ["worse", "→", place + 2]]) {
        const button = card.querySelector(`.${name}`);
        const there = goal >= 1 && goal <= COUNT;
        button.textContent = name === "better" ? `${sign} ${name}` : `${name} ${sign}`;
        button.setAttribute("aria-disabled", String(!there)); // not disabled, which would lose the focus
        button.setAttribute("aria-label", there ? `${name}: picture ${letter} to place ${goal}` : `${name}: picture ${letter} cannot move`);
      }
    });
  },

  /** Move a picture to a place (0 for the best), keep it, tell it, and give the focus back. */
  move(item, place, focus = ".grip") {
    const letter = this.votes.letter(this.image, item);
    if (place < 0 || place >= COUNT) {
      tell(`Places go from 1 to ${COUNT}; picture ${letter} stays at ${this.place(item) + 1}.`);
      return;
    }
    this.votes.put(this.image, item, place);
    this.arrange();
    this.cardOf(item).querySelector(focus).focus();
    keep();
    tell(`Picture ${letter} is at place ${place + 1} of ${COUNT}.`);
  },

  key(item, event) {
    const places = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
    if (dragging.on || zoomKey(event) || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (/^[1-9]$/.test(event.key)) this.move(item, Number(event.key) - 1);
    else if (event.key in places) this.move(item, this.place(item) + places[event.key]);
    else if (event.key === "Home") this.move(item, 0);
    else if (event.key === "End") this.move(item, COUNT - 1);
    else if (event.key === "Enter" && event.target.matches(".grip")) large.show(item);
    else return;
    event.preventDefault();
  },
};

/** A drag of a card by its bar, with a mouse, a pen or a finger. */
const dragging = {
  on: false,

  begin(card, event) {
    if (event.button !== 0 || event.target.closest(".open") || this.card) return;
    const box = ({ left, top, width, height }) => ({ x: left + scrollX + width / 2, y: top + scrollY + height / 2 });
    const items = [...ranking.list.children];
    Object.assign(this, {
      card, items, pointer: event.pointerId, at: event, from: items.indexOf(card), to: items.indexOf(card),
      slots: items.map((item) => box(item.getBoundingClientRect())),
      origin: { x: event.pageX, y: event.pageY }, listening: new AbortController(),
    });
    const heard = { signal: this.listening.signal };
    document.addEventListener("pointermove", (moved) => this.follow(moved), heard);
    document.addEventListener("pointerup", (up) => up.pointerId === this.pointer && this.finish(true), heard);
    document.addEventListener("pointercancel", (lost) => lost.pointerId === this.pointer && this.finish(false), heard);
    document.addEventListener("keydown", (pressed) => pressed.key === "Escape" && this.finish(false), heard);
  },

  follow(event) {
    if (event.pointerId !== this.pointer) return;
    this.at = event;
    const moved = Math.hypot(event.clientX + scrollX - this.origin.x, event.clientY + scrollY - this.origin.y);
    if (!this.on && moved < 5) return;
    if (!this.on) {
      this.on = true;
      this.card.classList.add("dragged");
      requestAnimationFrame(() => this.scroll());
    }
    this.place();
  },

  /** The card under the pointer, the others in the places that are left. */
  place() {
    const [x, y] = [this.at.clientX + scrollX, this.at.clientY + scrollY];
    const far = this.slots.map((slot) => Math.hypot(slot.x - x, slot.y - y));
    this.to = far.indexOf(Math.min(...far));
    const order = this.items.filter((item) => item !== this.card);
    order.splice(this.to, 0, this.card);
    order.forEach((item, place) => (item.style.order = place + 1));
    const [was, is] = [this.slots[this.from], this.slots[this.to]];
    this.card.style.translate = `${x - this.origin.x + was.x - is.x}px ${y - this.origin.y + was.y - is.y}px`;
  },

  scroll() {
    if (!this.on) return;
    const down = this.at.clientY > innerHeight - EDGE ? 1 : this.at.clientY < EDGE ? -1 : 0;
    if (down) {
      scrollBy(0, 10 * down);
      this.place();
    }
    requestAnimationFrame(() => this.scroll());
  },

  finish(keepIt) {
    const { card, on, to } = this;
    this.listening.abort();
    this.on = false;
    this.card = null;
    card.classList.remove("dragged");
    card.style.translate = "";
    if (on && keepIt) ranking.move(Number(card.dataset.item), to);
    else ranking.arrange();
    if (on && !keepIt) tell("The picture stays where it was.");
  },
};
