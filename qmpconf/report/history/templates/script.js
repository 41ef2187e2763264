"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const { releases, meanings, histories, nodes, entries } = data;
  const rows = [...$("entries").children];
  const WHAT = ["came", "deprecated", "went"];
  const ENDS = /[/=[(]/;
  const AUTOMATIC = 12; // so many entries are opened by a search

  const make = (tag, text = "", kind = "") => {
    const one = document.createElement(tag);
    if (text) one.textContent = text;
    if (kind) one.className = kind;
    return one;
  };
  const signsOf = (node) => histories[node[3]][0];

  // ── what a place looks like ───────────────────────────────────────────────────────────────

  const strip = (box, signs) => {
    for (let from = 0; from < signs.length;) {
      let to = from + 1;
      while (to < signs.length && signs[to] === signs[from]) to++;
      const one = make("i");
      one.dataset.sign = signs[from];
      one.style.flexGrow = to - from;
      const span = to - from > 1 ? `${releases[from]} to ${releases[to - 1]}` : releases[from];
      one.title = `${span}: ${meanings[signs[from]]}`;
      box.append(one);
      from = to;
    }
  };
  const marked = (text, word) => {
    const code = make("code");
    const at = word ? text.toLowerCase().indexOf(word) : -1;
    if (at < 0) code.textContent = text;
    else code.append(text.slice(0, at), make("mark", text.slice(at, at + word.length)), text.slice(at + word.length));
    return code;
  };
  const rowOf = (node, path, depth, inherits, word) => {
    const row = make("div", "", node[1] === "p" ? "row grid part" : "row grid");
    const name = make("span", "", "name");
    name.style.paddingLeft = `${Math.min(depth, 12) * .9}rem`;
    name.append(marked(node[0], word));
    const again = node[5] ? `, as ${node[5]}` : "";
    if (node[2] || again) name.append(make("span", node[2] + again, "type"));
    const line = make("span", "", "strip");
    strip(line, signsOf(node));
    const when = make("span", "", "when");
    if (!inherits) histories[node[3]].slice(1).forEach((text, what) => {
      if (text) when.append(make("span", `${WHAT[what]} ${text}`, WHAT[what]));
    });
    row.append(name, line, when);
    row.dataset.path = path;
    return row;
  };

  // ── which places ──────────────────────────────────────────────────────────────────────────

  // Whether the history of a place is that of the one above it.
  const inherits = (node, above) => {
    const here = signsOf(node), there = signsOf(above);
    for (let at = 0; at < here.length; at++) {
      const [one, other] = [here[at], there[at]];
      if (one !== other && one !== "?" && !(one === "+" && other === "D")) return false;
    }
    return true;
  };
  const isThere = (sign) => "+Dmn".includes(sign);
  const changedIn = (signs, at) => {
    if (!at || signs[at] === "?") return false;
    let before = at - 1;
    while (before >= 0 && signs[before] === "?") before--;
    if (before < 0) return false;
    const [one, other] = [signs[at], signs[before]];
    return isThere(one) !== isThere(other) || (one === "D") !== (other === "D") && isThere(one);
  };

  // A filter says whether a place is looked for, and counts those at and below a place.  The first of several words
  // is the entry's, the last the place's, and those between stand on the way, in their order: `met` of them so far.
  const filtered = (words, status, release) => {
    const parts = words.toLowerCase().split(/[\s/=]+/).filter(Boolean);
    const last = parts.at(-1) ?? "", between = parts.slice(1, -1);
    const known = new Map();
    const has = (node, word) => node[0].toLowerCase().includes(word);
    const on = (node, met) => met + Number(met < between.length && has(node, between[met]));
    const is = (node, above, met = 0) => {
      if (met < between.length || !has(node, last)) return false;
      if (!status && !release) return true;
      if (above && inherits(node, above)) return false;
      const signs = signsOf(node);
      return (!status || signs.at(-1) === status) && (!release || changedIn(signs, Number(release)));
    };
    const count = (id, above, met = 0) => {
      const key = `${id} ${met} ${above ? above[3] : ""}`;
      if (!known.has(key)) {
        const node = nodes[id], next = above ? on(node, met) : met;
        known.set(key, Number(is(node, above, met)) + node[4].reduce((sum, one) => sum + count(one, node, next), 0));
      }
      return known.get(key);
    };
    const entry = (id) => parts.length < 2 || has(nodes[id], parts[0]) ? count(id, null) : 0;
    return { is, on, count, entry, word: last, any: Boolean(last || status || release) };
  };

  let current = filtered("", "", "");

  // ── one entry ─────────────────────────────────────────────────────────────────────────────

  const size = (() => {
    const known = new Map();
    const of = (id) => {
      if (!known.has(id)) known.set(id, 1 + nodes[id][4].reduce((sum, one) => sum + of(one), 0));
      return known.get(id);
    };
    return of;
  })();
  const own = (() => {
    const known = new Map();
    const of = (id, above) => {
      const key = `${id} ${above ? above[3] : ""}`;
      if (!known.has(key)) {
        const node = nodes[id];
        const self = above && !inherits(node, above) ? 1 : 0;
        known.set(key, self + node[4].reduce((sum, one) => sum + of(one, node), 0));
      }
      return known.get(key);
    };
    return of;
  })();

  const fill = (at, mode) => {
    const id = entries[at], body = rows[at].querySelector(".body");
    const counts = { all: size(id) - 1, own: own(id, null) };
    const found = current.any ? current.entry(id) - Number(current.is(nodes[id], null)) : 0;
    mode ||= found ? "found" : counts.own ? "own" : counts.all < 40 ? "all" : "own";
    const wanted = { all: () => true, own: (one, above) => own(one, above) > 0, found: (one, above, met) => current.count(one, above, met) > 0 };
    const list = make("div");
    const visit = (one, above, path, depth, met) => {
      if (!wanted[mode](one, above, met)) return;
      const node = nodes[one];
      list.append(rowOf(node, path + node[0], depth, inherits(node, above), mode === "found" ? current.word : ""));
      for (const each of node[4]) visit(each, node, path + node[0], depth + 1, current.on(node, met));
    };
    for (const one of nodes[id][4]) visit(one, nodes[id], "", 0, 0);
    const tools = make("div", "", "tools");
    const texts = {
      found: found && `${found} found`,
      own: `${counts.own} with a history of ${counts.own === 1 ? "its" : "their"} own`,
      all: `all ${counts.all}`,
    };
    if (!counts.all) tools.append("It has no members.");
    else for (const [name, text] of Object.entries(texts)) {
      if (!text || (name === "own" && !counts.own)) continue;
      const button = make("button", text);
      button.type = "button";
      button.setAttribute("aria-pressed", String(name === mode));
      button.disabled = name === mode;
      button.addEventListener("click", () => fill(at, name));
      tools.append(button);
    }
    if (counts.all && !counts.own) tools.append("All have the history of the whole.");
    const link = make("a", "link");
    link.href = `#${encodeURIComponent(nodes[id][0].replace(/^\w+ /, ""))}`;
    tools.append(link);
    body.replaceChildren(tools, list);
  };

  rows.forEach((row, at) => {
    const node = nodes[entries[at]];
    strip(row.querySelector(".strip"), signsOf(node));
    row.firstElementChild.addEventListener("toggle", (event) => {
      if (event.target.open && !row.querySelector(".body").firstChild) fill(at);
    });
  });

  // ── all of them ───────────────────────────────────────────────────────────────────────────

  const apply = () => {
    current = filtered($("words").value, $("status").value, $("release").value);
    let shown = 0, places = 0;
    const visible = [];
    rows.forEach((row, at) => {
      const number = current.any ? current.entry(entries[at]) : 1;
      row.hidden = !number;
      const name = row.querySelector(".name");
      const whole = nodes[entries[at]][0], cut = whole.indexOf(" ") + 1;
      const code = marked(whole.slice(cut), current.word);
      code.prepend(make("span", whole.slice(0, cut), "kind"));
      name.replaceChildren(code);
      row.querySelector(".body").replaceChildren();
      row.firstElementChild.open = false;
      if (!number) return;
      shown++;
      visible.push(at);
      if (!current.any) return;
      const inside = number - Number(current.is(nodes[entries[at]], null));
      places += inside;
      if (inside) name.append(make("span", `${inside} inside`, "more"));
    });
    $("shown").textContent = current.any
      ? `${shown} of ${rows.length}${places ? `, ${places.toLocaleString("en")} places inside` : ""}`
      : rows.length > 1 ? `${rows.length} commands and events` : "";
    $("nothing").hidden = shown > 0;
    if (rows.length === 1 || (current.any && shown <= AUTOMATIC)) {
      for (const at of visible) {
        fill(at);
        rows[at].firstElementChild.open = true;
      }
    }
  };

  const follow = () => {
    let wanted = "";
    try { wanted = decodeURIComponent(location.hash.slice(1)); } catch { return; }
    const cut = wanted.search(ENDS);
    const name = cut < 0 ? wanted : wanted.slice(0, cut), rest = cut < 0 ? "" : wanted.slice(cut);
    const at = name ? entries.findIndex((id) => nodes[id][0].replace(/^\w+ /, "") === name) : -1;
    if (at < 0) return;
    if (rows[at].hidden) reset();
    rows[at].firstElementChild.open = true;
    fill(at, rest ? "all" : "");
    const row = rest && [...rows[at].querySelectorAll(".row")].find((one) => one.dataset.path === rest);
    if (row) row.classList.add("here");
    (row || rows[at]).scrollIntoView({ block: "center" });
  };
  const reset = () => { $("filter").reset(); apply(); };

  const axis = $("axis").querySelector(".strip");
  for (const one of releases) axis.append(make("span", one));
  $("axis").hidden = false;
  // A label that has no room beside the one before it is left out.
  const label = () => {
    const marks = [...axis.children];
    marks.forEach((one, at) => { one.textContent = releases[at]; });
    const free = marks.map((one) => [one.offsetLeft, one.offsetLeft + one.scrollWidth + 6]);
    let end = -1;
    marks.forEach((one, at) => {
      if (free[at][0] < end) one.textContent = "";
      else end = free[at][1];
    });
  };
  label();
  addEventListener("resize", label);
  releases.forEach((one, at) => {
    if (!at) return;
    const option = make("option", one);
    option.value = at;
    $("release").append(option);
  });
  $("filter").hidden = rows.length < 2 && size(entries[0]) < 20;
  $("keys").hidden = $("filter").hidden;
  $("filter").addEventListener("submit", (event) => event.preventDefault());
  let waiting = 0;
  $("filter").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(apply, 120);
  });
  $("reset").addEventListener("click", reset);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !["INPUT", "SELECT"].includes(document.activeElement.tagName)) {
      event.preventDefault();
      $("words").focus();
    } else if (event.key === "Escape" && current.any) reset();
  });
  addEventListener("hashchange", follow);
  const theme = $("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  apply();
  follow();
})();
