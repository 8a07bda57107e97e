"use strict";
(() => {
  const root = document.documentElement;
  root.classList.remove("no-script");
  const between = (value, low, high) => Math.min(Math.max(value, low), high);

  const theme = document.getElementById("theme");
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches);
  const label = () => { theme.textContent = isDark() ? "Light theme" : "Dark theme"; };
  theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; label(); });
  systemDark.addEventListener("change", label);
  label();

  const MOST = 12, STEP = 1.5;

  class Comparison {
    constructor(figure) {
      this.figure = figure;
      this.frame = figure.querySelector(".frame");
      this.handle = figure.querySelector(".handle");
      this.images = [...figure.querySelectorAll(".layer img")];
      this.at = 50;
      this.zoom = 1;
      this.x = 0; // of the picture's upper left corner, as a share of the frame
      this.y = 0;
      this.fingers = new Map();
      this.listen();
    }

    listen() {
      this.handle.addEventListener("keydown", (event) => this.key(event));
      this.frame.addEventListener("pointerdown", (event) => this.down(event));
      this.frame.addEventListener("pointermove", (event) => this.move(event));
      for (const end of ["pointerup", "pointercancel"]) {
        this.frame.addEventListener(end, (event) => this.up(event));
      }
      this.frame.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
      this.figure.addEventListener("change", (event) => this.choose(event.target.value));
      for (const button of this.figure.querySelectorAll("[data-zoom]")) {
        button.addEventListener("click", () => this.press(button.dataset.zoom));
      }
    }

    slide(at) {
      this.at = between(at, 0, 100);
      const rounded = Math.round(this.at);
      this.frame.style.setProperty("--at", `${this.at}%`);
      this.handle.setAttribute("aria-valuenow", rounded);
      this.handle.setAttribute("aria-valuetext", `${rounded} % as it is`);
    }

    choose(row) {
      for (const image of this.images) {
        if (image.dataset.row !== undefined) image.hidden = image.dataset.row !== row;
      }
      const name = this.figure.querySelector(`input[value="${CSS.escape(row)}"] + span`).textContent;
      this.figure.querySelector("[data-shown]").textContent = name;
    }

    // Zoom so that the place under (x, y), shares of the frame, stays where it is.
    zoomTo(zoom, x = 0.5, y = 0.5) {
      const next = between(zoom, 1, MOST);
      this.pan(x - ((x - this.x) / this.zoom) * next, y - ((y - this.y) / this.zoom) * next, next);
    }

    pan(x, y, zoom = this.zoom) {
      this.zoom = zoom;
      this.x = between(x, 1 - zoom, 0);
      this.y = between(y, 1 - zoom, 0);
      const { width, height } = this.frame.getBoundingClientRect();
      for (const image of this.images) {
        image.style.transform = zoom === 1 ? "" : `translate(${this.x * width}px, ${this.y * height}px) scale(${zoom})`;
      }
      this.frame.classList.toggle("zoomed", zoom > 1);
      this.frame.classList.toggle("close", zoom >= 4);
      this.frame.dataset.scale = zoom.toFixed(2);
    }

    press(what) {
      if (what === "in") this.zoomTo(this.zoom * STEP);
      else if (what === "out") this.zoomTo(this.zoom / STEP);
      else this.zoomTo(1);
    }

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const step = 0.15;
      const panned = {
        ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step],
      }[event.key];
      const slid = {
        ArrowLeft: this.at - 2, ArrowDown: this.at - 2, ArrowRight: this.at + 2, ArrowUp: this.at + 2,
        PageDown: this.at - 10, PageUp: this.at + 10, Home: 0, End: 100,
      }[event.key];
      if (event.shiftKey && panned) this.pan(this.x + panned[0], this.y + panned[1]);
      else if (slid !== undefined) this.slide(slid);
      else if (event.key === "+" || event.key === "=") this.press("in");
      else if (event.key === "-") this.press("out");
      else if (event.key === "0" || event.key === "Escape") this.press("reset");
      else if (/^[1-9]$/.test(event.key)) this.number(Number(event.key) - 1);
      else return;
      event.preventDefault();
    }

    number(place) {
      const choice = this.figure.querySelectorAll("input[type=radio]")[place];
      if (!choice) return;
      choice.checked = true;
      this.choose(choice.value);
    }

    place(event) {
      const box = this.frame.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    }

    down(event) {
      if (event.button !== 0) return;
      this.fingers.set(event.pointerId, this.place(event));
      this.frame.setPointerCapture(event.pointerId);
      // With one finger on a whole picture the line follows; on an enlarged one, the picture does, except at the line.
      this.sliding = this.zoom === 1 || event.target === this.handle;
      this.frame.classList.toggle("held", !this.sliding);
      if (event.pointerType === "mouse") event.preventDefault();
      this.handle.focus({ preventScroll: true });
      if (this.sliding && event.pointerType === "mouse") this.slide(100 * this.place(event)[0]);
    }

    move(event) {
      const before = this.fingers.get(event.pointerId);
      if (!before) return;
      const now = this.place(event);
      if (this.fingers.size === 2) this.pinch(event.pointerId, before, now);
      else if (this.sliding) this.slide(100 * now[0]);
      else this.pan(this.x + now[0] - before[0], this.y + now[1] - before[1]);
      this.fingers.set(event.pointerId, now);
    }

    pinch(moving, before, now) {
      const other = [...this.fingers].find(([id]) => id !== moving)[1];
      const { width, height } = this.frame.getBoundingClientRect();
      const apart = (place) => Math.hypot((place[0] - other[0]) * width, (place[1] - other[1]) * height);
      const factor = apart(now) / Math.max(apart(before), 1);
      this.zoomTo(this.zoom * factor, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    }

    up(event) {
      this.fingers.delete(event.pointerId);
      if (!this.fingers.size) this.frame.classList.remove("held");
      this.sliding = this.zoom === 1;
    }

    wheel(event) {
      const wanted = event.ctrlKey || this.figure.contains(document.activeElement);
      const leaving = event.deltaY > 0 && this.zoom === 1; // then the page scrolls
      if (!wanted || leaving || !event.deltaY) return;
      event.preventDefault();
      this.zoomTo(this.zoom * Math.exp(-between(event.deltaY, -150, 150) * 0.003), ...this.place(event));
    }
  }

  const comparisons = [...document.querySelectorAll("[data-window]")].map((figure) => new Comparison(figure));
  addEventListener("resize", () => comparisons.forEach((one) => one.pan(one.x, one.y)));
})();
