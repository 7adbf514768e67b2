// The front end of the explorers: controls, the picture of a state, and predicting it first.
// Keras has computed every state beforehand; this only selects. All words come from Python.

const TAGS = new Set(
  "b br code dd div dl dt em figcaption figure h4 i img li ol p pre s section small span strong table tbody td th thead tr ul var".split(" "),
);
const ATTRIBUTES = /^(alt|aria-[a-z]+|colspan|data-copy|data-t|lang|role|scope|tabindex|title)$/;
const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const [STEP_MS, MOVE_MS, MOST_MOVING] = [700, 200, 200];

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  element.append(...children);
  return element;
}

// A token may look like HTML: text stays text, and only harmless elements and attributes are made.
function build(pool, node) {
  if (typeof node === "number") node = pool[node];
  if (typeof node === "string") return node;
  const [tag, ...classes] = node[0].split(".");
  if (!TAGS.has(tag)) return "";
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const part of node.slice(1)) {
    if (typeof part !== "object" || Array.isArray(part)) element.append(build(pool, part));
    else for (const name in part) setAttribute(element, name, String(part[name]));
  }
  return element;
}

function setAttribute(element, name, value) {
  if (name === "style") {
    for (const [, property, number] of value.matchAll(/(--[\w-]+)\s*:\s*(-?[\d.]+)/g))
      element.style.setProperty(property, number);
  } else if (ATTRIBUTES.test(name) || (name === "src" && /^data:image\//.test(value)))
    element.setAttribute(name, value);
}

const button = (label) => make("button", { type: "button" }, label);

// One axis: its element, and how to show an option that somebody else chose.
function control([name, { label, control: kind, options }], id, choose) {
  const texts = options.map(([, text]) => text);
  const [outer, inner] = { choice: ["fieldset", "legend"], switch: ["label", "span"] }[kind] ?? ["div", "label"];
  const caption = make(inner, { class: "caption" }, label);
  const element = make(outer, { class: "axis", "data-axis": name }, caption);
  element.addEventListener("input", ({ target }) =>
    choose(Number(target.type === "checkbox" ? target.checked : target.value)),
  );
  if (kind === "choice") {
    const radios = texts.map((_, value) => make("input", { type: "radio", name: id, value }));
    element.append(...radios.map((radio, value) => make("label", { class: "pill" }, radio, texts[value])));
    return { element, set: (option) => (radios[option].checked = true) };
  }
  const output = make("output", { for: id });
  if (kind === "switch") {
    const box = make("input", { type: "checkbox", id });
    element.append(make("span", { class: "pill" }, box, output));
    return { element, set: (option) => ([box.checked, output.value] = [option > 0, texts[option]]) };
  }
  caption.htmlFor = id;
  if (kind === "menu") {
    const select = make("select", { id }, ...texts.map((text, value) => make("option", { value }, text)));
    element.append(select);
    return { element, set: (option) => (select.value = option) };
  }
  const range = make("input", { type: "range", id, min: 0, max: texts.length - 1 });
  element.append(make("span", {}, range, output));
  return {
    element,
    set(option) {
      [range.value, output.value] = [option, texts[option]];
      range.ariaValueText = texts[option];
    },
  };
}

// Play, pause and single steps beside the slider of an axis of steps.
function player(words, last, current, go) {
  const [back, play, forward] = ["back", "play", "forward"].map(() => button(""));
  const name = (one, word) => {
    one.className = word;
    one.title = one.ariaLabel = words[word];
  };
  let timer = 0;
  const pause = () => {
    clearInterval(timer);
    timer = 0;
    name(play, "play");
  };
  const step = (by) => {
    const next = current() + by;
    if (next >= 0 && next <= last) go(next);
  };
  const tick = () => {
    // Nobody looks at a hidden tab or a folded cell.
    if (document.hidden || !play.offsetParent) return pause();
    step(1);
    if (current() === last) pause();
  };
  name(back, "back");
  name(forward, "forward");
  pause();
  back.onclick = () => (pause(), step(-1));
  forward.onclick = () => (pause(), step(1));
  play.onclick = () => {
    if (timer) return pause();
    timer = setInterval(tick, STEP_MS);
    name(play, "pause");
    if (current() === last) go(0);
  };
  const show = () => {
    back.ariaDisabled = current() === 0;
    forward.ariaDisabled = current() === last;
  };
  return { element: make("span", { class: "player" }, back, play, forward), pause, show, playing: () => timer > 0 };
}

// The question of a state: rows of buttons to press, in which the arrow keys move.
function questionRows({ text, rows, columns, answers }, words) {
  const buttons = columns.map((labels) => labels.map((label) => button(label)));
  const all = buttons.flat();
  const element = make("div", { role: "group", "aria-label": text });
  buttons.forEach((row, i) => {
    const label = rows[i] ? [make("span", {}, rows[i])] : [];
    element.append(make("div", { role: "group", "aria-label": rows[i] }, ...label, ...row));
  });
  for (const one of all) {
    one.tabIndex = one === all[0] ? 0 : -1;
    one.ariaPressed = false;
    one.onclick = () => (one.ariaPressed = one.ariaPressed !== "true");
    one.onfocus = () => all.forEach((other) => (other.tabIndex = other === one ? 0 : -1));
  }
  element.onkeydown = (event) => {
    const row = buttons.find((row) => row.includes(event.target));
    const [down, right] = MOVES[event.key] ?? [];
    if (!row || down === undefined) return;
    event.preventDefault();
    const near = buttons[buttons.indexOf(row) + down] ?? row;
    near[Math.min(near.length - 1, Math.max(0, row.indexOf(event.target) + right))]?.focus();
  };
  const reveal = () => {
    let right = 0;
    buttons.forEach((row, i) =>
      row.forEach((one, j) => {
        const good = (one.ariaPressed === "true") === (answers[i][j] === "1");
        right += good;
        one.onclick = null;
        one.ariaDisabled = true;
        one.className = good ? "right" : "wrong";
        const said = make("span", { class: "unseen" }, ` ${good ? words.correct : words.wrong}`);
        one.append(make("i", { "aria-hidden": true }, good ? "✓" : "✗"), said);
      }),
    );
    return words.right.replace("{right}", right).replace("{all}", all.length);
  };
  return { element, reveal };
}

function addCopyButtons(picture, words) {
  for (const pre of picture.querySelectorAll("pre[data-copy]")) {
    const copy = button(words.copy);
    copy.setAttribute("aria-live", "polite");
    copy.onclick = async () => {
      try {
        await navigator.clipboard.writeText(pre.textContent);
      } catch {
        // No permission, or a page that is not secure: the older way.
        getSelection().selectAllChildren(pre);
        document.execCommand("copy");
      }
      copy.textContent = words.copied;
      setTimeout(() => (copy.textContent = words.copy), 2000);
    };
    const frame = make("div", { class: "copy" });
    pre.replaceWith(frame);
    frame.append(pre, copy);
  }
}

const tokens = (stage) => {
  const rows = [...stage.querySelectorAll(".masklens figure tr")].map((row) => [...row.querySelectorAll(".t,.x")]);
  return rows.flat().length > MOST_MOVING ? [] : rows;
};
const parts = (stage) => [...stage.querySelectorAll(".facts>li,.masklens-trace tr")];

// Puts a picture on the stage; tokens move to their places, and what is new lights up once.
function put(stage, picture) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return stage.replaceChildren(picture);
  const before = tokens(stage).map((row) => row.map((cell) => cell.getBoundingClientRect()));
  const seen = new Set(parts(stage).map((part) => part.outerHTML));
  stage.replaceChildren(picture);
  const easing = "ease-out";
  if (before.length)
    tokens(stage).forEach((row, i) => {
      if (row.length !== before[i]?.length) return;
      const now = row.map((cell) => cell.getBoundingClientRect());
      row.forEach((cell, j) => {
        const [x, y] = [before[i][j].left - now[j].left, before[i][j].top - now[j].top];
        if (x || y) cell.animate({ transform: [`translate(${x}px,${y}px)`, "none"] }, { duration: MOVE_MS, easing });
      });
    });
  const fresh = parts(stage).filter((part) => !seen.has(part.outerHTML));
  if (seen.size && fresh.length < parts(stage).length)
    for (const part of fresh)
      (part.querySelector("th") ?? part).animate(
        { backgroundColor: ["color-mix(in srgb,var(--now) 35%,#0000)", "#0000"] },
        { duration: 1500, easing },
      );
}

function showStep(stage, step) {
  for (const element of stage.querySelectorAll("[data-t]")) {
    const ahead = element.dataset.t - step;
    element.classList.toggle("past", ahead < 0);
    element.classList.toggle("now", ahead === 0);
    element.classList.toggle("future", ahead > 0);
  }
  const now = stage.querySelector(".now")?.getBoundingClientRect();
  const frame = stage.getBoundingClientRect();
  if (now?.right > frame.right) stage.scrollLeft += now.right - frame.right + 8;
  if (now?.left < frame.left) stage.scrollLeft += now.left - frame.left - 8;
}

// The grid; none if this module is not the one that it was made for.
function readGrid(saved) {
  try {
    const grid = JSON.parse(saved);
    return grid.version === 1 ? grid : null;
  } catch {
    return null;
  }
}

function render({ model, el }) {
  const grid = readGrid(model.get("grid"));
  if (!grid) return;
  const { axes, states, pool, words, title, lang } = grid;
  el.classList.add("masklens-explorer", "masklens-live");
  el.lang = lang;
  // A page may hold several views, each with a module of its own.
  const id = `masklens-${Math.random().toString(36).slice(2)}-`;
  const say = make("p", { class: "say", "aria-live": "polite" });
  const box = make("div", { class: "ask" });
  const turn = button(words.reveal);
  const stage = make("div", { class: "stage", tabindex: 0, role: "group", "aria-label": words.picture });
  let [at, state, drawn, asked, question, open] = [[], null, null, null, null, false];
  let predicting = grid.predict;

  const selected = () =>
    axes.map(([, { options }], i) => Math.min(options.length - 1, Math.max(0, Number(model.get("selection")?.[i]) || 0)));

  const draw = (score = "") => {
    const picture = open ? null : state.picture;
    if (picture !== drawn) {
      drawn = picture;
      const built = open ? "" : build(pool, picture);
      if (built.querySelectorAll) addCopyButtons(built, words);
      if (open) stage.replaceChildren();
      else put(stage, built);
    }
    stage.hidden = open;
    box.hidden = !question;
    turn.hidden = !predicting || state.question == null;
    turn.textContent = open ? words.reveal : words.again;
    say.ariaLive = play?.playing() ? "off" : "polite";
    say.replaceChildren(make("b", {}, open ? pool[asked].text : score), open ? "" : state.say);
    if (steps >= 0 && !open) showStep(stage, at[steps]);
  };
  const ask = () => {
    [asked, open] = [state.question, true];
    question = questionRows(pool[asked], words);
    box.replaceChildren(question.element);
    play?.pause();
  };
  const leave = () => {
    [asked, question, open] = [null, null, false];
    box.replaceChildren();
  };
  const show = (next) => {
    const moved = axes.some(([, axis], i) => axis.control !== "steps" && next[i] !== at[i]);
    at = next;
    state = pool[states[at.reduce((place, option, i) => place * axes[i][1].options.length + option, 0)]];
    controls.forEach((one, i) => one.set(at[i]));
    play?.show();
    if (predicting && state.question != null && (moved || state.question !== asked)) ask();
    else if (moved || state.question !== asked) leave();
    draw();
  };
  const choose = (axis, option) => {
    show(at.map((old, i) => (i === axis ? option : old)));
    try {
      model.set("selection", at);
      model.save_changes();
    } catch (error) {
      console.debug(error); // The kernel is gone; the picture does not need it.
    }
  };

  const controls = axes.map((axis, i) => control(axis, id + i, (option) => choose(i, option)));
  const steps = axes.findIndex(([, { control }]) => control === "steps");
  const play = steps < 0 ? null : player(words, axes[steps][1].options.length - 1, () => at[steps], (option) => choose(steps, option));
  if (play) controls[steps].element.querySelector("span").prepend(play.element);

  turn.onclick = () => {
    if (!open) ask();
    else open = false;
    draw(open ? "" : question.reveal());
  };
  const head = make("div", { class: "head" }, make("b", {}, title));
  if (pool.some((entry) => entry?.question != null)) {
    const predict = make("input", { type: "checkbox" });
    predict.checked = predicting;
    predict.onchange = () => {
      predicting = predict.checked;
      if (!predicting) leave();
      draw();
    };
    head.append(make("label", {}, predict, words.predict));
  }
  const changed = () => String(selected()) !== String(at) && show(selected());
  // JupyterLab would take the arrow keys for itself; Ctrl+S and its like it may have.
  const keep = (event) => event.ctrlKey || event.metaKey || event.stopPropagation();
  show(selected());
  el.replaceChildren(head, make("div", { class: "controls" }, ...controls.map(({ element }) => element)), say, box, turn, stage);
  el.addEventListener("keydown", keep);
  model.on("change:selection", changed);
  return () => {
    play?.pause();
    el.removeEventListener("keydown", keep);
    model.off("change:selection", changed);
    el.replaceChildren();
  };
}

export default { render };
