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

  // What is folded is no part of the page until it is unfolded: 500 findings are long.
  function unfold(from) {
    for (const one of all("noscript.later", from)) {
      if ((one.closest("details") ?? from) !== from) continue;
      const made = document.createElement("template");
      made.innerHTML = one.textContent;
      offerSteps(made.content);
      near?.observe(made.content);
      one.replaceWith(made.content);
    }
  }

  function fold(row, open) {
    if (open) unfold(row.nextElementSibling);
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
    const chosen = byId("map-of");
    const groups = chosen ? [...chosen.options].slice(1).map((one) => one.text) : [];
    const level = (count) => `l${[1, 2, 5, 20, 100].filter((least) => count >= least).length}`;
    chosen?.addEventListener("change", () => {
      for (const cell of all("td[data-n]", map)) {
        const counts = cell.dataset.n.split(" ").map(Number);
        cell.dataset.least ??= cell.textContent;
        const count = chosen.value ? counts[chosen.value] : Number(cell.dataset.least);
        cell.textContent = count;
        cell.className = level(count);
      }
    });
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
      const each = (cell.dataset.n ?? "").split(" ").filter(Boolean).map((count, place) => `${count} ${groups[place]}`);
      const count = each.length ? `cases: ${each.join(", ")}` : cell.textContent ? `cases: ${cell.textContent}` : cell.className === "un" ? "out of reach" : "impossible";
      cell.title = `${across.dataset.name}, ${down.dataset.name}: ${count}`;
    });
  }

  // A filter keeps clauses, and the findings and causes that are about them.
  function setUpFilter(rows) {
    const find = byId("find");
    const chapter = byId("chapter");
    const subject = byId("subject") ?? { value: "" };
    const chips = all(".chip");
    const findings = all("[data-finding]");
    const columns = all(".matrix thead th[data-subject]").map((one) => one.dataset.subject);
    const total = rows.length;
    const keeps = (list, wanted) => !wanted.length || wanted.some((one) => list.includes(one));

    function apply() {
      const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      const pressed = chips.filter((chip) => chip.getAttribute("aria-pressed") === "true");
      const statuses = pressed.map((chip) => chip.dataset.status).filter(Boolean);
      const tags = pressed.map((chip) => chip.dataset.tag).filter(Boolean);
      const shows = columns.map((name) => !subject.value || name === subject.value);
      const about = new Map();
      let shown = 0;
      for (const row of rows) {
        const its = row.dataset.status.split(" ").filter((_, place) => shows[place]);
        const matches =
          (!chapter.value || row.parentElement.dataset.chapter === chapter.value) &&
          keeps(row.dataset.tags.split(" "), tags);
        const named = words.every((word) => row.dataset.search.includes(word));
        const visible = matches && named && keeps(its, statuses);
        about.set(row.id, { matches, search: row.dataset.search });
        row.hidden = row.nextElementSibling.hidden = !visible;
        shown += visible;
      }
      for (const body of all(".matrix tbody")) {
        body.hidden = !all(".row", body).some((row) => !row.hidden);
      }
      for (const line of all(".matrix tr:not(.more)")) {
        shows.forEach((show, place) => { line.cells[place + 1].hidden = !show; });
      }
      for (const one of findings) {
        const clause = about.get(one.dataset.clause);
        const text = () => `${clause.search} ${one.textContent.toLowerCase().replace(/<[^>]*>/g, " ")}`;
        one.classList.toggle("is-out", !(
          clause.matches &&
          (!subject.value || one.dataset.subject === subject.value) &&
          keeps([one.dataset.status], statuses) &&
          (!words.length || words.every((word) => text().includes(word)))
        ));
      }
      for (const one of all("details.finding")) one.hidden = one.classList.contains("is-out");
      for (const one of all(".others, .cause")) one.hidden = !one.querySelector("[data-finding]:not(.is-out)");
      const counted = (count, of, what) => `${count === of ? of : `${count} of ${of}`} ${what}${of === 1 ? "" : "s"}`;
      const left = findings.filter((one) => !one.classList.contains("is-out")).length;
      const told = [counted(shown, total, "clause")];
      if (findings.length) {
        const out = findings.length - left;
        told.push(counted(left, findings.length, "finding"));
        byId("left-out").hidden = !out;
        byId("left-out").firstElementChild.textContent =
          left ? `The filter hides ${out} of ${counted(findings.length, findings.length, "finding")}.` : "No finding matches the filter.";
      }
      byId("shown").textContent = told.join(", ");
      byId("none").hidden = shown > 0;
    }

    function reset() {
      find.value = chapter.value = subject.value = "";
      for (const chip of chips) chip.setAttribute("aria-pressed", "false");
      apply();
    }

    find.addEventListener("input", apply);
    chapter.addEventListener("change", apply);
    byId("subject")?.addEventListener("change", apply);
    for (const chip of chips) {
      chip.addEventListener("click", () => {
        chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
        apply();
      });
    }
    byId("reset").addEventListener("click", reset);
    byId("left-out")?.lastElementChild.addEventListener("click", reset);
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

  // What a link led to stays in view while the page is completed, until the reader goes elsewhere.
  let held = null;
  for (const kind of ["wheel", "touchstart", "pointerdown", "keydown"]) {
    addEventListener(kind, () => { held = null; }, { capture: true, passive: true });
  }

  // A link into something folded or filtered away brings it out.
  function setUpPermalinks(resetFilter) {
    function follow() {
      let id = location.hash.slice(1);
      try {
        id = decodeURIComponent(id);
      } catch { /* not ours: leave it as it is */ }
      const target = id && byId(id);
      if (!target) return;
      if (target.closest("[hidden], .is-out")) resetFilter();
      if (target.matches(".row")) fold(target, true);
      for (let at = target; at; at = at.parentElement) if (at.matches("details")) at.open = true;
      held = target;
      target.scrollIntoView();
      // What is far away is laid out only now, and moves the rest.
      requestAnimationFrame(() => requestAnimationFrame(() => target.scrollIntoView()));
    }
    addEventListener("hashchange", follow);
    document.addEventListener("click", (event) => {
      const link = event.target.closest('a[href^="#"]:not(.open)');
      if (link && link.getAttribute("href") === location.hash) follow();
    });
    follow();
  }

  // Steps through the pixels of a picture: state 0 is the empty canvas, the last one the whole sum.
  function pictureOf(stamp) {
    const told = stamp.querySelector(".told");
    const cells = (kind) => all(`.stamp-${kind} .cells rect`, stamp);
    const canvas = cells("canvas");
    const inputs = all(".stamp-input", stamp).map((svg) => all(".cells rect", svg));
    const texts = all(".stamp-canvas .num text", stamp);
    const whole = { classes: canvas.map((one) => one.getAttribute("class")), texts: texts.map((one) => [one.textContent, one.getAttribute("class")]) };
    const data = JSON.parse(stamp.dataset.picture);
    let step = null;

    const short = (value) => {
      if (Number.isInteger(value)) return String(value).replace("-", "\u2212");
      const size = Math.abs(value);
      const text = size < 0.01 || size >= 1000 ? value.toExponential(1) : value.toPrecision(size < 0.1 ? 2 : 3);
      return String(text.includes("e") ? text.replace(".0e", "e").replace("e+", "e") : Number(text)).replaceAll("-", "\u2212");
    };
    const level = (value, scale) => {
      if (value === 0) return "z";
      const share = Math.min(5, Math.max(1, Math.ceil((scale > 0 ? Math.abs(value) / scale : 1) * 5)));
      return (value > 0 ? "p" : "n") + share;
    };

    // Which cells of the canvas the stamp of a pixel lands on, and what it adds there.
    function landings(pixel) {
      const [across, taps] = [data.input[1], data.kernel[1]];
      const [row, column] = [Math.floor(pixel / across), pixel % across];
      return data.stamps[pixel].map((value, tap) => {
        const down = row * data.strides[0] + Math.floor(tap / taps) * data.dilation[0];
        const along = column * data.strides[1] + (tap % taps) * data.dilation[1];
        return [down * data.canvas[1] + along, value];
      });
    }

    function show(wanted) {
      const pixels = data.stamps.length;
      step = Math.max(0, Math.min(pixels + 1, wanted));
      const isWhole = step > pixels;
      stamp.classList.toggle("stepping", !isWhole);
      for (const button of all(".stepper button", stamp)) {
        const isAtEnd = step === ({ first: 0, back: 0, last: pixels + 1 })[button.dataset.go];
        button.setAttribute("aria-disabled", String(isAtEnd));
      }
      for (const one of all(".now", stamp)) one.classList.remove("now");
      if (isWhole) {
        canvas.forEach((one, place) => one.setAttribute("class", whole.classes[place]));
        texts.forEach((one, place) => {
          [one.textContent] = whole.texts[place];
          one.setAttribute("class", whole.texts[place][1] ?? "");
        });
        told.textContent = `All ${pixels} pixels: the sums, and the window that is the output.`;
        return;
      }
      const sums = new Array(canvas.length).fill(0);
      const reached = new Set();
      for (let pixel = 0; pixel < step; pixel += 1) {
        for (const [cell, value] of landings(pixel)) {
          sums[cell] += value;
          reached.add(cell);
        }
      }
      canvas.forEach((one, cell) => {
        const shade = level(sums[cell], data.scale);
        one.setAttribute("class", `c-${shade}`);
        texts[cell].textContent = reached.has(cell) ? short(sums[cell]) : "";
        texts[cell].setAttribute("class", /[45]/.test(shade) ? "s" : "");
      });
      if (!step) {
        told.textContent = "An empty canvas.";
        return;
      }
      const landed = landings(step - 1);
      for (const one of [...landed.map(([cell]) => canvas[cell]), ...inputs.map((channel) => channel[step - 1])]) {
        one.classList.add("now");
        one.parentNode.append(one);  // over its neighbours
      }
      const [row, column] = [Math.floor((step - 1) / data.input[1]), (step - 1) % data.input[1]];
      const [top, left] = [row * data.strides[0], column * data.strides[1]];
      told.textContent =
        `Pixel ${step} of ${pixels}: input[${row}, ${column}] times the kernel is added from row ${top}, ` +
        `column ${left} of the canvas on: ${landed.map(([, value]) => short(value)).slice(0, 12).join(", ")}${landed.length > 12 ? " \u2026" : ""}`;
    }

    return {
      first: () => show(0),
      back: () => show((step ?? data.stamps.length + 1) - 1),
      on: () => show(step === null || step > data.stamps.length ? 1 : step + 1),
      last: () => show(Infinity),
    };
  }

  // A long page answers first. It is completed while nothing else is to be done, or as it is scrolled, and before it
  // is printed: what can be read can then be searched, too.
  function setUpLayout() {
    const left = new Set(all(".cause, :is(main, .filtered) > section:not(#findings)"));
    const complete = (one) => {
      left.delete(one);
      watch.unobserve(one);
      if (one.matches(".cause")) unfold(one);
    };
    const watch = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) complete(target);
    }, { rootMargin: "900px" });
    const whenIdle = window.requestIdleCallback ?? ((then) => setTimeout(() => then({ timeRemaining: () => 10 }), 50));
    const goOn = (idle) => {
      do {
        const [one] = left;
        if (!one) break;
        complete(one);
        one.classList.add("laid-out");
      } while (idle.timeRemaining() > 5);
      if (left.size) whenIdle(goOn);
      else for (const one of all(".cause, section")) one.classList.add("laid-out");
      // The last parts, too, have their height only now.
      held?.scrollIntoView();
      dispatchEvent(new Event("resize"));
    };
    for (const one of left) if (one.matches(".cause")) watch.observe(one);
    addEventListener("load", () => setTimeout(() => whenIdle(goOn), 100));
    addEventListener("beforeprint", () => {
      for (const rest of all(".rest")) {
        rest.open = true;
        unfold(rest);
      }
      [...left].forEach(complete);
    });
  }

  let near = null;

  function offerSteps(from) {
    for (const stepper of all(".stepper", from)) stepper.hidden = false;
  }

  // A picture is read when somebody steps through it; a page may have hundreds.
  function setUpStepping() {
    const keys = { ArrowLeft: "back", ArrowRight: "on", Home: "first", End: "last" };
    const pictures = new WeakMap();
    const go = (event, way) => {
      const stamp = event.target.closest(".stamp");
      if (!pictures.has(stamp)) pictures.set(stamp, pictureOf(stamp));
      pictures.get(stamp)[way]();
    };
    offerSteps(document);
    document.addEventListener("click", (event) => {
      const button = event.target.closest(".stepper button");
      if (button) go(event, button.dataset.go);
    });
    document.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      if (!event.target.closest(".stepper")) return;
      event.preventDefault();
      go(event, keys[event.key]);
    });
  }

  // Pictures that are packed are drawn when they come near: that of a folded finding when it is opened.
  function setUpPacked() {
    const draw = async (box) => {
      const bytes = Uint8Array.from(atob(box.dataset.packed), (letter) => letter.charCodeAt(0));
      const text = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
      const drawn = await new Response(text).text();
      box.removeAttribute("data-packed");
      box.innerHTML = drawn;
      offerSteps(box);
      dispatchEvent(new Event("resize"));
    };
    const watch = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        watch.unobserve(entry.target);
        draw(entry.target);
      }
    }, { rootMargin: "600px" });
    near = { observe: (from) => all(".packed", from).forEach((box) => watch.observe(box)) };
    near.observe(document);
  }

  // What scrolls sideways can be reached with the keyboard; what does not is no stop of the Tab key.
  function setUpScrolling() {
    const regions = () => all(".scroll, .table, pre, .drift, .space, .bar nav, .chips, .numbers-below");
    // What is folded or far away is left alone: to measure it would lay it out.
    const look = () => {
      const seen = regions().filter((one) => one.checkVisibility({ contentVisibilityAuto: true }));
      const scrolls = seen.map((one) => one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1);
      seen.forEach((one, place) => {
        if (scrolls[place]) one.tabIndex = 0;
        else one.removeAttribute("tabindex");
      });
    };
    let asked = 0;
    const soon = () => {
      cancelAnimationFrame(asked);
      asked = requestAnimationFrame(look);
    };
    addEventListener("resize", soon);
    for (const kind of ["toggle", "click", "contentvisibilityautostatechange"]) {
      document.addEventListener(kind, soon, true);
    }
    soon();
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
    document.addEventListener("click", async ({ target }) => {
      const button = target.closest(".copy");
      if (!button) return;
      const source = button.closest(".script").querySelector("code");
      const done = await copy(source.textContent, source);
      const text = done ? "Copied" : "Press Ctrl+C";
      button.textContent = text;
      byId("said").textContent = text;
      setTimeout(() => (button.textContent = "Copy"), 1800);
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    const rows = all(".matrix .row");
    setUpTheme();
    setUpCopying();
    for (const map of all(".space table")) setUpMap(map);
    setUpStepping();
    setUpScrolling();
    setUpPacked();
    setUpLayout();
    document.addEventListener("toggle", ({ target }) => { if (target.open) unfold(target); }, true);
    if (!byId("open-all")) return;  // a page without a matrix
    setUpRows(rows);
    setUpPermalinks(setUpFilter(rows));
  });
})();
