"use strict";
(() => {
  const PAGE = 24;
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const clips = read("clip-data");
  const pictures = read("picture-data");
  const element = (id) => document.getElementById(id);
  const grid = element("grid");
  const more = element("more");
  const of = (column, row) => {
    const code = clips[column].codes[row];
    return code < 0 ? null : clips[column].values[code];
  };
  // Marks and case do not count: "cafe" finds "Café".
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const all = clips.key.map((_, row) => row);
  const shownFirst = (rows) => {
    const has = (row) => Object.hasOwn(pictures.webp, clips.key[row]);
    return [...rows.filter(has), ...rows.filter((row) => !has(row))];
  };

  let haystack = null;
  const searched = () => {
    haystack ??= all.map((row) =>
      plain(
        [clips.key[row], of("label", row), of("text", row), of("signer", row), of("shard", row)]
          .filter((word) => word !== null)
          .join("\n")
      )
    );
    return haystack;
  };

  const part = (name, kind, ...children) => {
    const made = document.createElement(name);
    if (kind) made.className = kind;
    made.append(...children);
    return made;
  };
  const bdi = (text) => part("bdi", "", String(text));

  const card = (row) => {
    const key = clips.key[row];
    const label = of("label", row) ?? of("text", row) ?? "unlabelled";
    const item = part("li", "");
    item.tabIndex = -1;
    if (Object.hasOwn(pictures.webp, key)) {
      const picture = document.createElement("img");
      picture.src = "data:image/webp;base64," + pictures.webp[key];
      picture.width = pictures.width;
      picture.height = pictures.height;
      picture.decoding = "async";
      picture.alt = `Three frames of ${label} with keypoints`;
      item.append(picture);
    }
    item.append(part("p", "label", bdi(label)));
    const text = of("text", row);
    if (text !== null && text !== label) item.append(part("p", "", bdi(text)));
    const seconds = (clips.frames[row] / of("fps", row)).toFixed(2);
    const facts = part("p", "", bdi(of("split", row)), ` · ${clips.frames[row]} frames, ${seconds} s`);
    const signer = of("signer", row);
    if (signer !== null) facts.append(" · signer ", bdi(signer));
    item.append(facts, part("p", "key", bdi(key)), part("p", "key", bdi(of("shard", row))));
    return item;
  };

  let found = [];
  let drawn = 0;
  const draw = () => {
    const next = found.slice(drawn, drawn + PAGE);
    const items = next.map(card);
    grid.append(...items);
    drawn += next.length;
    more.hidden = drawn >= found.length;
    element("found").textContent =
      `${found.length.toLocaleString("en")} of ${all.length.toLocaleString("en")} clips; ` +
      `${drawn.toLocaleString("en")} are shown`;
    return items;
  };
  const look = () => {
    const words = plain(element("words").value).split(/\s+/u).filter(Boolean);
    const split = element("split").value;
    let rows = all;
    if (split) rows = rows.filter((row) => of("split", row) === split);
    if (words.length) {
      const texts = searched();
      rows = rows.filter((row) => words.every((word) => texts[row].includes(word)));
    }
    found = shownFirst(rows);
    drawn = 0;
    grid.replaceChildren();
    draw();
  };

  let waiting = 0;
  element("words").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(look, 120);
  });
  element("split").addEventListener("change", look);
  element("search").addEventListener("submit", (event) => {
    event.preventDefault();
    look();
  });
  more.addEventListener("click", () => draw()[0]?.focus({ preventScroll: true }));
  // Only what really scrolls is a stop for the keyboard.
  const scrolling = new ResizeObserver((changed) => {
    for (const { target } of changed) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  for (const box of document.querySelectorAll(".scroll")) scrolling.observe(box);
  element("search").hidden = false;
  look();
  document.documentElement.dataset.ready = "yes";
})();
