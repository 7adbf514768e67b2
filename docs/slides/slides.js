// Makes every slide fit, and starts reveal.js with the keys and words of the course.
(async () => {
  const LARGEST = 1.25;
  const COMFORTABLE = 0.8;
  const SMALLEST = 0.4;
  const BASE = { text: 1, plot: 1.5, picture: 1.7, explorer: 1.25 };
  const root = document.documentElement;
  const words = document.body.dataset;
  const upright = matchMedia("(max-aspect-ratio: 3/4)");

  const make = (className, ...children) => {
    const element = document.createElement("div");
    element.className = className;
    element.append(...children);
    return element;
  };

  // Nothing is cut off, nor scrolls by itself.
  const SCROLLS = ".code pre, .output.text pre, .masklens, .masklens-trace";
  const isWhole = (one) => one.scrollWidth <= one.clientWidth + 1;
  const fits = (box) =>
    box.scrollHeight <= box.clientHeight + 1 && [box, ...box.querySelectorAll(SCROLLS)].every(isWhole);

  const scale = (outputs, factor) => {
    for (const output of outputs) {
      const kind = Object.keys(BASE).find((name) => output.classList.contains(name));
      output.style.setProperty("--zoom", (BASE[kind] * factor).toFixed(3));
    }
  };

  // The largest scale at which outputs fit their view, or 0.
  const fit = (view, outputs, least) => {
    for (let factor = LARGEST; factor >= least - 0.001; factor -= 0.05) {
      scale(outputs, factor);
      if (fits(view)) return factor;
    }
    return 0;
  };

  // Lines of text stay whole where that leaves them large enough to read.
  const breakLines = (output) => {
    scale([output], COMFORTABLE);
    const text = output.firstElementChild;
    output.classList.toggle("broken", !isWhole(text));
  };

  // Outputs come below their code; where there is no room, in its place, one page after another.
  const arrange = (board) => {
    const code = board.querySelector(":scope > .code");
    const outputs = [...board.querySelectorAll(":scope > .output")];
    const live = outputs.some((output) => output.matches(".explorer"));
    const below = make("outputs fragment", ...outputs);
    const view = make("view", code, ...(outputs.length ? [below] : []));
    board.replaceChildren(view);
    for (const output of outputs) if (output.matches(".text")) breakLines(output);
    if (!outputs.length || (!live && fit(view, outputs, COMFORTABLE))) return;
    below.remove();
    view.classList.add("fragment", "fade-out");
    view.dataset.fragmentIndex = 0;
    const pages = [];
    for (const output of outputs) {
      const last = pages.at(-1);
      const list = last?.firstElementChild;
      list?.append(output);
      if (list && fit(last, [...list.children], COMFORTABLE)) continue;
      const page = make("view fragment", make("outputs", output));
      page.dataset.fragmentIndex = pages.length;
      board.append(page);
      pages.push(page);
      last?.classList.add("current-visible");
    }
    for (const page of pages) fit(page, [...page.querySelectorAll(".output")], SMALLEST);
  };

  // Prose that is too long for a slide is set smaller.
  const shrink = (slide) => {
    const board = slide.querySelector(".board");
    const size = parseFloat(getComputedStyle(slide).fontSize);
    for (let part = 1; part >= 0.6 && !(fits(slide) && fits(board)); part -= 0.05) {
      slide.style.fontSize = `${size * part}px`;
    }
  };

  // An explorer is alive only later, and its size changes with what is chosen. It keeps its scale
  // unless it would be cut off, or could be much larger.
  const follow = (output) => {
    const view = output.closest(".view");
    let now = 0;
    const observer = new ResizeObserver(() => {
      if (!output.offsetParent) return;
      const best = fit(view, [output], SMALLEST) || SMALLEST;
      if (best < now || best > 1.2 * now) now = best;
      scale([output], now);
    });
    for (const child of output.children) observer.observe(child);
  };

  const lay = () => {
    // Within the speaker's window there is room for the slide alone.
    document.querySelector(".links").hidden = new URLSearchParams(location.search).has("receiver");
    root.classList.toggle("upright", upright.matches);
    document.body.classList.add("measuring");
    for (const slide of document.querySelectorAll(".slide")) {
      if (slide.closest(".cell")) arrange(slide.querySelector(".board"));
      else shrink(slide);
    }
    document.querySelectorAll(".output.explorer").forEach(follow);
    document.body.classList.remove("measuring");
  };

  const setTheme = (theme) => {
    root.dataset.theme = theme;
    document.querySelector(".theme").setAttribute("aria-pressed", String(theme === "dark"));
  };
  const turnTheme = () => setTheme(root.dataset.theme === "dark" ? "light" : "dark");

  const start = async () => {
    const reveal = new Reveal(document.querySelector(".reveal"), {
      width: upright.matches ? 640 : 1280,
      height: upright.matches ? 1136 : 720,
      margin: 0,
      minScale: 0.1,
      maxScale: 4,
      center: false,
      hash: true,
      navigationMode: "linear",
      transition: "none",
      backgroundTransition: "none",
      scrollActivationWidth: 0,
      controlsTutorial: false,
      pdfMaxPagesPerSlide: 1,
      slideNumber: () => {
        const [place, total] = [reveal.getSlidePastCount() + 1, reveal.getTotalSlides()];
        return [words.number.replace("{0}", place).replace("{1}", total)];
      },
      plugins: [RevealNotes],
    });
    window.slides = reveal;
    await reveal.initialize();
    for (const [side, word] of [["right", words.next], ["left", words.previous], ["down", words.next], ["up", words.previous]]) {
      for (const button of document.querySelectorAll(`.navigate-${side}`)) {
        button.setAttribute("aria-label", word);
        button.title = word;
      }
    }
    reveal.addKeyBinding({ keyCode: 68, key: "D", description: "Dark" }, turnTheme);
    document.querySelector(".theme").addEventListener("click", turnTheme);
    document.querySelector(".notes-button").addEventListener("click", () => reveal.getPlugin("notes").open());
    upright.addEventListener("change", () => location.reload());
  };

  await document.fonts.ready;
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
  lay();
  await start();
})();
