// The page: start, one image after the other, end.

const part = (name) => document.getElementById(name);
let kept = store.read();
let votes = null;
let unsaved = false;

/** Say something to those who hear the page. */
function tell(text) {
  part("told").textContent = text;
}

/** Keep everything in the browser, so that a reload loses nothing. */
function keep() {
  const { orders, done, at } = votes;
  kept.voter = votes.voter;
  kept.people[`voter ${votes.voter}`] = { orders, done, at }; // a bare name might be __proto__
  store.write(kept);
  unsaved = true;
  warn();
}

function warn() {
  part("warning").hidden = store.works;
  part("warning").textContent = "This browser does not keep your votes: save them before you close or reload the page.";
}

function open(name) {
  for (const other of ["start", "rank", "end"]) part(other).hidden = other !== name;
  scrollTo(0, 0);
}

/** Show an image, or the end after the last. */
function go(image) {
  votes.at = image;
  keep();
  look(1, 0.5, 0.5);
  return image < DATA.images.length ? showImage(image) : showEnd();
}

function showImage(image) {
  const { lr } = DATA.images[image];
  const ranked = DATA.images.length - votes.undone().length;
  open("rank");
  part("input").hidden = !lr;
  part("input").querySelector(".view").classList.add("input");
  if (lr) part("input").querySelector("img").src = lr;
  ranking.show(votes, image);
  part("place").textContent = `Image ${image + 1} of ${DATA.images.length}${votes.done[image] ? ", ranked" : ""}`;
  part("voting-as").textContent = `${votes.voter} · ${ranked} ranked`;
  part("progress").value = ranked;
  part("back").setAttribute("aria-disabled", String(image === 0));
  part("place").focus({ preventScroll: true });
}

function showEnd() {
  const undone = votes.undone();
  const all = DATA.images.length;
  open("end");
  part("thanks").textContent = undone.length === 0 ? "Thank you: all is ranked" : `${all - undone.length} of ${all} images are ranked`;
  part("left").textContent = undone.length ? "Not ranked, and not in the file:" : "";
  part("undone").replaceChildren(
    ...undone.map((image) => {
      const [line, button] = [document.createElement("li"), document.createElement("button")];
      button.textContent = `Image ${image + 1}`;
      button.onclick = () => go(image);
      line.append(button);
      return line;
    }),
  );
  for (const name of ["csv", "json"]) part(name).setAttribute("aria-disabled", String(undone.length === all));
  part("thanks").focus({ preventScroll: true });
}

function saveAs(suffix) {
  const lines = votes.lines();
  if (!lines.length) {
    tell("Nothing is ranked yet.");
    return;
  }
  const text = suffix === "csv" ? csv(lines) : `${JSON.stringify({ page: DATA.id, voter: votes.voter, votes: lines }, null, 2)}\n`;
  save(text, fileName(votes.voter, suffix), suffix === "csv" ? "text/csv" : "application/json");
  unsaved = false;
  tell(`${lines.length} votes saved.`);
}

function begin(voter) {
  votes = new Votes(voter, kept.people[`voter ${voter}`]);
  go(votes.at);
}

function ask() {
  open("start");
  part("voter").value = "";
  part("voter").focus();
}

/** One picture after the other at the same place, as large as the window. */
const large = {
  box: part("large"),
  shown: [], // null for the input, then the pictures by letter
  at: 0,

  show(item) {
    const { image } = ranking;
    this.shown = [...(DATA.images[image].lr ? [null] : []), ...votes.first[image]];
    this.at = this.shown.indexOf(item);
    this.box.showModal();
    this.fill();
  },

  fill() {
    const { image } = ranking;
    const { width, height, lr, rows } = DATA.images[image];
    const item = this.shown[this.at];
    const name = item === null ? "Input" : `Picture ${votes.letter(image, item)}`;
    const view = this.box.querySelector(".view");
    const room = { width: innerWidth - 24, height: innerHeight - 160 };
    const scale = Math.min(room.width / width, room.height / height);
    view.style.width = `${width * scale}px`;
    view.style.height = `${height * scale}px`;
    view.classList.toggle("input", item === null);
    view.firstElementChild.src = item === null ? lr : rows[item];
    view.firstElementChild.alt = name;
    part("large-name").textContent = item === null ? name : `${name}, place ${ranking.place(item) + 1} of ${COUNT}`;
  },

  turn(by) {
    this.at = (this.at + by + this.shown.length) % this.shown.length;
    this.fill();
  },

  key(event) {
    const turns = { ArrowLeft: -1, ArrowRight: 1 };
    const item = this.shown[this.at];
    if (zoomKey(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in turns) this.turn(turns[event.key]);
    else if (/^[1-9]$/.test(event.key) && item !== null) {
      ranking.move(item, Number(event.key) - 1);
      this.fill();
    } else return;
    event.preventDefault();
  },
};

part("who").onsubmit = (event) => {
  event.preventDefault();
  const voter = part("voter").value.normalize("NFC").trim();
  const problem = nameProblem(voter);
  part("voter-problem").textContent = problem;
  part("voter").setAttribute("aria-invalid", String(problem !== ""));
  if (problem) part("voter").focus();
  else begin(voter);
};
part("back").onclick = () => votes.at > 0 && go(votes.at - 1);
part("skip").onclick = () => go(votes.at + 1);
part("confirm").onclick = () => {
  votes.done[votes.at] = true;
  go(votes.at + 1);
};
part("csv").onclick = () => saveAs("csv");
part("json").onclick = () => saveAs("json");
part("again").onclick = () => go(votes.undone()[0] ?? 0);
part("other").onclick = ask;
part("input").querySelector(".open").onclick = () => large.show(null);
part("close").onclick = () => large.box.close();
part("before").onclick = () => large.turn(-1);
part("after").onclick = () => large.turn(1);
large.box.addEventListener("keydown", (event) => large.key(event));
large.box.addEventListener("close", () => {
  const item = large.shown[large.at];
  (item === null ? part("input").querySelector(".open") : ranking.cardOf(item).querySelector(".grip")).focus();
});
addEventListener("resize", () => large.box.open && large.fill());
addEventListener("beforeunload", (event) => {
  if (unsaved && !store.works) event.preventDefault();
});

warn();
if (nameProblem(kept.voter ?? "") === "") begin(kept.voter);
else ask();
