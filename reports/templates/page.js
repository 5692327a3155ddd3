"use strict";
// Everything on this page can be read without this script: it filters, folds and copies.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  try {
    const kept = localStorage.getItem("conformance-theme");
    if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  } catch { /* storage may be forbidden; then nothing is kept */ }

  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);

  function setUpTheme() {
    byId("theme").addEventListener("click", () => {
      const dark = root.dataset.theme
        ? root.dataset.theme === "dark"
        : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      try {
        localStorage.setItem("conformance-theme", root.dataset.theme);
      } catch { /* see above */ }
    });
  }

  function fold(row, open) {
    row.classList.toggle("is-open", open);
    row.nextElementSibling.classList.toggle("is-open", open);
    row.querySelector(".open").setAttribute("aria-expanded", String(open));
  }

  function setUpRows(rows) {
    for (const row of rows) {
      const link = row.querySelector(".open");
      link.setAttribute("role", "button");
      link.setAttribute("aria-expanded", "false");
      link.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        const open = !row.classList.contains("is-open");
        fold(row, open);
        if (open) history.replaceState(null, "", link.getAttribute("href"));
      });
      link.addEventListener("keydown", (event) => {
        if (event.key === " ") {
          event.preventDefault();
          link.click();
        }
      });
    }
    byId("open-all").addEventListener("click", (event) => {
      const open = event.currentTarget.getAttribute("aria-expanded") !== "true";
      for (const row of rows) fold(row, open);
      event.currentTarget.setAttribute("aria-expanded", String(open));
      event.currentTarget.textContent = open ? "Close all" : "Open all";
    });
  }

  // Which pair a cell of the coverage map stands for is told where the pointer is.
  function setUpMap(map) {
    const columns = all("thead th[scope=col]", map);
    let marked = [];
    map.addEventListener("pointerover", (event) => {
      for (const one of marked) one.classList.remove("at");
      marked = [];
      const cell = event.target.closest("tbody td");
      if (!cell) return;
      const row = cell.parentElement;
      const cells = all("td", row);
      marked = [cell, row.querySelector("th[scope=row]"), columns[cells.indexOf(cell)]];
      for (const one of marked) one.classList.add("at");
      const [, down, across] = marked;
      const count = cell.textContent ? `cases: ${cell.textContent}` : "impossible";
      cell.title = `${across.dataset.name}, ${down.dataset.name}: ${count}`;
    });
  }

  function setUpFilter(rows) {
    const find = byId("find");
    const chapter = byId("chapter");
    const chips = all(".chip");
    const total = rows.length;

    function apply() {
      const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      const pressed = chips.filter((chip) => chip.getAttribute("aria-pressed") === "true");
      const statuses = pressed.map((chip) => chip.dataset.status).filter(Boolean);
      const tags = pressed.map((chip) => chip.dataset.tag).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const has = (list, wanted) =>
          !wanted.length || wanted.some((one) => list.split(" ").includes(one));
        const visible =
          (!chapter.value || row.parentElement.dataset.chapter === chapter.value) &&
          words.every((word) => row.dataset.search.includes(word)) &&
          has(row.dataset.status, statuses) &&
          has(row.dataset.tags, tags);
        row.hidden = !visible;
        row.nextElementSibling.hidden = !visible;
        shown += visible;
      }
      for (const body of all(".matrix tbody")) {
        body.hidden = !all(".row", body).some((row) => !row.hidden);
      }
      byId("shown").textContent =
        shown === total ? `${total} clause${total === 1 ? "" : "s"}` : `${shown} of ${total} clauses`;
      byId("none").hidden = shown > 0;
    }

    function reset() {
      find.value = "";
      chapter.value = "";
      for (const chip of chips) chip.setAttribute("aria-pressed", "false");
      apply();
    }

    find.addEventListener("input", apply);
    chapter.addEventListener("change", apply);
    for (const chip of chips) {
      chip.addEventListener("click", () => {
        chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
        apply();
      });
    }
    byId("reset").addEventListener("click", reset);
    document.querySelector(".filter").addEventListener("submit", (event) => event.preventDefault());
    document.addEventListener("keydown", (event) => {
      const typing = event.target.matches("input, select, textarea");
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        find.focus();
      }
    });
    return reset;
  }

  function setUpPermalinks(resetFilter) {
    function follow() {
      let id = location.hash.slice(1);
      try {
        id = decodeURIComponent(id);
      } catch { /* not ours: leave it as it is */ }
      const target = id && byId(id);
      if (!target) return;
      if (target.matches(".row")) {
        if (target.hidden) resetFilter();
        fold(target, true);
      }
      target.scrollIntoView();
    }
    addEventListener("hashchange", follow);
    follow();
  }

  async function copy(text, source) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const range = document.createRange();
      range.selectNodeContents(source);
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      return document.execCommand("copy");
    }
  }

  function setUpCopying() {
    for (const button of all(".copy")) {
      button.addEventListener("click", async () => {
        const source = button.closest(".script").querySelector("code");
        const done = await copy(source.textContent, source);
        const text = done ? "Copied" : "Press Ctrl+C";
        button.textContent = text;
        byId("said").textContent = text;
        setTimeout(() => (button.textContent = "Copy"), 1800);
      });
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const rows = all(".matrix .row");
    setUpTheme();
    setUpCopying();
    for (const map of all(".space table")) setUpMap(map);
    if (!byId("open-all")) return;  // a page without a matrix
    setUpRows(rows);
    setUpPermalinks(setUpFilter(rows));
  });
})();
