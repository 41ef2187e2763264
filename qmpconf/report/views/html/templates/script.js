// Filters, search, links and keys.  The page can be read without any of it.
// State lives in the address behind #, so that a link shows what its sender saw:
// #f-FINGERPRINT opens a finding, #severity=error&q=text filters, #severity=error&at=f-... both.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const theme = $("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  const form = $("filter");
  if (!form) return;
  const all = [...document.querySelectorAll(".finding")];
  const words = new WeakMap();
  let at = "";
  form.hidden = false;
  for (const link of document.querySelectorAll(".filtering")) link.hidden = false;
  $("keys").hidden = false;

  const textOf = (one) => {
    if (!words.has(one)) words.set(one, one.textContent.toLowerCase());
    return words.get(one);
  };

  // The form as a map from each name to the values that are asked for.
  const chosen = () => {
    const asked = new Map();
    for (const [name, value] of new FormData(form)) {
      const text = value.trim();
      if (text) asked.set(name, [...(asked.get(name) || []), text]);
    }
    return asked;
  };

  const values = (one, name) => {
    const text = one.dataset[name];
    return name === "rule" ? [text] : text.split(" ");
  };

  const matches = (one, asked) => {
    for (const [name, wanted] of asked) {
      if (name === "q") {
        const parts = wanted[0].toLowerCase().split(/\s+/);
        if (!parts.every((part) => textOf(one).includes(part))) return false;
      } else if (!values(one, name).some((value) => wanted.includes(value))) {
        return false;
      }
    }
    return true;
  };

  const apply = () => {
    const asked = chosen();
    let count = 0;
    for (const one of all) {
      const fits = matches(one, asked);
      one.hidden = !fits;
      count += fits;
    }
    const of = all.length.toLocaleString("en");
    $("shown").textContent =
      count === all.length ? `${of} shown` : `${count.toLocaleString("en")} of ${of} shown`;
    $("nothing").hidden = count > 0;
    return asked;
  };

  const remember = () => {
    const state = new URLSearchParams();
    for (const [name, wanted] of chosen()) state.set(name, wanted.join(","));
    if (at && state.size) state.set("at", at);
    const hash = state.size ? `#${state}` : at ? `#${at}` : "";
    if (hash !== location.hash) {
      history.replaceState(null, "", hash || location.href.split("#")[0]);
    }
  };

  const openAt = (id) => {
    const body = id && $(id);
    const finding = body && body.closest(".finding");
    if (!finding) return false;
    if (finding.hidden) {
      form.reset();
      apply();
    }
    at = id;
    const fold = finding.querySelector("details");
    fold.open = true;
    const summary = fold.querySelector("summary");
    summary.focus({ preventScroll: true });
    finding.scrollIntoView({ block: "start" });
    return true;
  };

  const restore = () => {
    const hash = location.hash.slice(1);
    if (!hash.includes("=")) {
      if (!openAt(decode(hash))) apply();
      return;
    }
    const state = new URLSearchParams(hash);
    form.reset();
    for (const field of form.elements) {
      if (!field.name || !state.has(field.name)) continue;
      const value = state.get(field.name);
      if (field.type === "checkbox") field.checked = value.split(",").includes(field.value);
      else field.value = value;
    }
    apply();
    if (!openAt(state.get("at"))) $("findings").scrollIntoView();
  };

  const decode = (text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };

  const clear = () => {
    form.reset();
    at = "";
    apply();
    remember();
  };

  form.addEventListener("input", () => {
    at = "";
    apply();
    remember();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  $("all").addEventListener("click", clear);
  $("clear").addEventListener("click", clear);
  window.addEventListener("hashchange", restore);

  $("list").addEventListener("toggle", (event) => {
    const fold = event.target;
    const body = fold.querySelector(":scope > .body");
    if (!body) return;
    const inside = at && body.parentElement.contains($(at));
    if (!fold.open && inside) at = "";
    else if (fold.open && !inside) at = body.id;
    remember();
  }, true);

  // Next and previous finding that is shown, from the one that has the focus or was opened last.
  const move = (step) => {
    const seen = all.filter((one) => !one.hidden);
    if (!seen.length) return;
    const from = document.activeElement.closest(".finding") || (at && $(at).closest(".finding"));
    const here = seen.includes(from) ? from : null;
    const place = here ? seen.indexOf(here) + step : step > 0 ? 0 : seen.length - 1;
    const next = seen[Math.min(Math.max(place, 0), seen.length - 1)];
    next.querySelector("summary").focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const field = event.target.closest("input[type=search], select, textarea");
    if (event.key === "Escape") {
      clear();
      if (field) field.blur();
    } else if (field) {
      return;
    } else if (event.key === "/") {
      event.preventDefault();
      $("q").focus();
      $("q").select();
    } else if (event.key === "j") {
      move(1);
    } else if (event.key === "k") {
      move(-1);
    }
  });

  restore();
})();
