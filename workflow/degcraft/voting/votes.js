// Votes: who sees which picture where, what is kept in the browser, and the files that are saved.

const DATA = JSON.parse(document.getElementById("data").textContent);
const COUNT = DATA.images[0].rows.length;
const KEY = `degcraft-vote-${DATA.id}`;

/** FNV-1a hash of a text, 32 bits. */
function hashed(text) {
  let hash = 2166136261;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 16777619);
  return hash >>> 0;
}

/** Random numbers in [0, 1) from a 32-bit seed (mulberry32). */
function generator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Order in which a voter first sees the pictures of an image: numbers of pictures. */
function firstOrder(voter, image) {
  const random = generator(hashed(JSON.stringify([DATA.seed, voter, DATA.images[image].name])));
  const order = DATA.images[image].rows.map((_, item) => item);
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

/** What is wrong with a voter's name; "" if nothing is. */
function nameProblem(name) {
  if (!name) return "Write your name, or any word that only you use.";
  if (/^[=+\-@\uff1d\uff0b\uff0d\uff20]/.test(name)) {
    return `A name cannot begin with ${name[0]}: spreadsheet programs would run it as a formula.`;
  }
  return /[\p{Cc}\p{Cs}\u2028\u2029]/u.test(name) ? "A name cannot hold line breaks or control characters." : "";
}

/** What this browser kept: the last voter, and the votes of everybody who voted here. */
const store = {
  works: true,
  read() {
    try {
      const kept = JSON.parse(localStorage.getItem(KEY) ?? "null");
      return kept && typeof kept.people === "object" && kept.people ? kept : { voter: "", people: {} };
    } catch (error) {
      this.works = !(error instanceof DOMException); // damaged JSON is only forgotten
      return { voter: "", people: {} };
    }
  },
  write(kept) {
    try {
      localStorage.setItem(KEY, JSON.stringify(kept));
    } catch {
      this.works = false;
    }
  },
};

/** One voter's votes: the image shown, and per image the order (best first) and whether it was kept. */
class Votes {
  constructor(voter, kept) {
    this.voter = voter;
    const images = DATA.images.map((_, image) => image);
    const whole = (order) => Array.isArray(order) && [...order].sort().join() === [...Array(COUNT).keys()].join();
    this.first = images.map((image) => firstOrder(voter, image));
    this.orders = images.map((image) => (whole(kept?.orders?.[image]) ? kept.orders[image] : [...this.first[image]]));
    this.done = images.map((image) => kept?.done?.[image] === true);
    this.at = Number.isInteger(kept?.at) ? Math.min(Math.max(kept.at, 0), images.length) : 0;
  }

  /** Letter of a picture: its place when the voter first saw it. */
  letter(image, item) {
    return String.fromCharCode(65 + this.first[image].indexOf(item));
  }

  /** Images that were not ranked. */
  undone() {
    return this.done.flatMap((done, image) => (done ? [] : [image]));
  }

  /** Put a picture at a place, 0 for the best. */
  put(image, item, place) {
    const order = this.orders[image].filter((other) => other !== item);
    order.splice(place, 0, item);
    this.orders[image] = order;
  }

  /** The votes as lines; only here the pictures get the names of their rows. */
  lines() {
    const { methods, rows } = unsealed(DATA.sealed);
    return DATA.images.flatMap(({ name }, image) =>
      this.done[image]
        ? this.orders[image].map((item, place) => ({
            voter: this.voter, image: name, method: methods[rows[image][item]], rank: place + 1,
          }))
        : [],
    );
  }
}

/** Content that was sealed under a pad, which comes first. */
function unsealed(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const half = bytes.length / 2;
  return JSON.parse(new TextDecoder().decode(bytes.slice(half).map((byte, place) => byte ^ bytes[place])));
}

/** Lines as CSV; values with commas, quotes or line breaks are quoted. */
function csv(lines) {
  const quoted = (value) => (/[",\r\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
  const columns = ["voter", "image", "method", "rank"];
  return [columns, ...lines.map((line) => columns.map((column) => quoted(line[column])))].map((row) => `${row.join()}\n`).join("");
}

/** Let the browser save a text as a file. */
function save(text, name, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** File name for a voter's votes: letters, digits and hyphens. */
function fileName(voter, suffix) {
  return `votes-${voter.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "voter"}.${suffix}`;
}
