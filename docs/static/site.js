// Copy buttons, the remembered language, a search among layers, and keys for what the theme gives to
// the mouse alone.
(() => {
  const copy = async (code) => {
    try {
      await navigator.clipboard.writeText(code.textContent.trimEnd());
      return true;
    } catch {
      // Without a secure connection a page may not write: the reader finds the code selected.
      getSelection().selectAllChildren(code);
      return false;
    }
  };

  const addCopyButtons = () => {
    const template = document.getElementById("copy-button");
    const said = document.createElement("div");
    said.className = "visually-hidden";
    said.setAttribute("role", "status");
    document.querySelector("[role=main]")?.append(said);
    for (const code of document.querySelectorAll("[role=main] div.highlight pre")) {
      if (code.closest(".cell_output")) continue;
      const button = template.content.firstElementChild.cloneNode(true);
      button.addEventListener("click", async () => {
        if (!(await copy(code))) return;
        button.classList.add("copied");
        said.textContent = button.dataset.copied;
        setTimeout(() => {
          button.classList.remove("copied");
          said.textContent = "";
        }, 2000);
      });
      code.parentElement.append(button);
    }
  };

  // The first page of the site opens in the language that was chosen last.
  const rememberLanguage = () => {
    for (const link of document.querySelectorAll("a[data-language]")) {
      link.addEventListener("click", () => {
        try {
          localStorage.setItem("masklens-language", link.dataset.language);
        } catch {
          // A browser may forbid a page to remember anything.
        }
      });
    }
  };

  // The place on the page is kept, too: its headings are the same in both languages, in order.
  const keepPlace = () => {
    const headings = [...document.querySelectorAll("[role=main] :is(h2, h3)")];
    const place = /^#at-(\d+)$/.exec(location.hash);
    if (place) headings[Number(place[1])]?.scrollIntoView();
    for (const link of document.querySelectorAll("a[data-language]")) {
      link.addEventListener("click", () => {
        const seen = headings.findLastIndex((one) => one.getBoundingClientRect().top < 150);
        link.hash = seen < 0 ? "" : `#at-${seen}`;
      });
    }
  };

  // The theme opens its drawers by labels of hidden check boxes, which no key reaches.
  const giveKeys = () => {
    for (const label of document.querySelectorAll(".nav-overlay-icon, .toc-overlay-icon")) {
      const box = document.getElementById(label.htmlFor);
      const icon = label.firstElementChild;
      const say = () => icon.setAttribute("aria-expanded", String(box.checked));
      icon.tabIndex = 0;
      icon.setAttribute("role", "button");
      icon.setAttribute("aria-label", box.getAttribute("aria-label"));
      say();
      box.addEventListener("change", say);
      icon.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        box.click();
      });
    }
    addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      for (const box of document.querySelectorAll(".sidebar-toggle:checked")) box.click();
    });
  };

  // A wide table or picture scrolls by itself: with the arrow keys, too.
  const letScroll = () => {
    const boxes = ".table-wrapper, .output, pre, .masklens, .masklens-trace";
    for (const box of document.querySelectorAll(boxes)) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    }
  };

  // The page of all layers shows those whose name or arguments hold what is typed.
  const findLayers = () => {
    const template = document.getElementById("layer-filter");
    const tables = [...document.querySelectorAll(".layers table")];
    if (!template || !tables.length) return;
    const filter = template.content.firstElementChild.cloneNode(true);
    const input = filter.querySelector("input");
    const said = filter.querySelector("[role=status]");
    tables[0].closest("section").before(filter);
    const rows = tables.flatMap((table) => [...table.tBodies[0].rows]);
    for (const table of tables) {
      const labels = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
      for (const row of table.tBodies[0].rows) {
        labels.forEach((label, place) => (row.cells[place].dataset.label = label));
      }
      table.classList.add("labelled");
    }
    const show = () => {
      const typed = input.value.trim().toLowerCase();
      for (const row of rows) {
        const codes = [...row.cells[0].querySelectorAll("code")];
        row.hidden = !codes.some((code) => code.textContent.toLowerCase().includes(typed));
      }
      for (const table of tables) {
        const found = [...table.tBodies[0].rows].some((row) => !row.hidden);
        table.closest("section").hidden = !found;
        const folded = table.closest("details");
        if (folded) folded.open = found && typed !== "";
      }
      const count = rows.filter((row) => !row.hidden).length;
      const words = count ? said.dataset.found : said.dataset.none;
      said.textContent = typed && words.replace("{count}", count).replace("{all}", rows.length);
    };
    input.addEventListener("input", show);
    if (input.value) show(); // a browser may bring back what was typed
  };

  addCopyButtons();
  rememberLanguage();
  keepPlace();
  giveKeys();
  findLayers();
  letScroll();
  addEventListener("resize", letScroll);
})();
