// The front end of the explorers: controls, the picture of a state, and predicting it first.
// Keras has computed every state beforehand; this only selects. All words come from Python.

const TAGS =
  /^(b|br|code|d[dlt]|div|em|figcaption|figure|h4|hr|i|img|[ou]l|li|p|pre|s|section|small|span|strong|table|t[dhr]|tbody|thead|var)$/;
const ATTRIBUTES = /^(alt|aria-[a-z]+|colspan|data-copy|data-t|lang|role|scope|tabindex|title)$/;
const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const STEP_MS = 700;
const MOVE_MS = 200;
const MOST_MOVING = 200;

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  element.append(...children);
  return element;
}

const button = (label = "") => make("button", { type: "button" }, label);
const find = (root, selector) => [...root.querySelectorAll(selector)];

// A token may look like HTML: text stays text, and only harmless elements and attributes are made.
function build(pool, node) {
  if (typeof node === "number") node = pool[node];
  if (typeof node === "string") return node;
  const [tag, ...classes] = node[0].split(".");
  if (!TAGS.test(tag)) return "";
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const part of node.slice(1)) {
    if (typeof part !== "object" || Array.isArray(part)) element.append(build(pool, part));
    else for (const name in part) setAttribute(element, name, part[name]);
  }
  return element;
}

function setAttribute(element, name, value) {
  if (name === "style") {
    for (const [, property, number] of value.matchAll(/(--[\w-]+):(-?[\d.]+)/g))
      element.style.setProperty(property, number);
  } else if (ATTRIBUTES.test(name) || (name === "src" && value.startsWith("data:image/")))
    element.setAttribute(name, value);
}

// One axis: its element, and how to show an option that somebody else chose.
function control([name, { label, control: kind, options }], id, choose) {
  const texts = options.map(([, text]) => text);
  const tags = { choice: ["fieldset", "legend"], switch: ["label", "span"] };
  const [outer, inner] = tags[kind] ?? ["div", "label"];
  const caption = make(inner, { class: "caption" }, label);
  const element = make(outer, { class: "axis", "data-axis": name }, caption);
  element.oninput = ({ target: { type, checked, value } }) =>
    choose(Number(type === "checkbox" ? checked : value));
  if (kind === "choice") {
    const radios = texts.map((_, value) => make("input", { type: "radio", name: id, value }));
    const pill = (text, i) => make("label", { class: "pill" }, radios[i], text);
    element.append(...texts.map(pill));
    return { element, set: (option) => (radios[option].checked = true) };
  }
  const output = make("output", { for: id });
  if (kind === "switch") {
    const input = make("input", { type: "checkbox", id });
    element.append(make("span", { class: "pill" }, input, output));
    const set = (option) => ([input.checked, output.value] = [option > 0, texts[option]]);
    return { element, set };
  }
  caption.htmlFor = id;
  if (kind === "menu") {
    const entries = texts.map((text, value) => make("option", { value }, text));
    const select = make("select", { id }, ...entries);
    element.append(select);
    return { element, set: (option) => (select.value = option) };
  }
  const range = make("input", { type: "range", id, min: 0, max: texts.length - 1 });
  element.append(make("div", { class: "slider" }, range, output));
  const set = (option) => {
    range.value = option;
    range.ariaValueText = output.value = texts[option];
  };
  return { element, set };
}

// Play, pause and single steps beside the slider. While it plays, a screen reader is spared
// what each step says.
function player(words, say, last, current, go) {
  const [back, play, forward] = [button(), button(), button()];
  const name = (one, word) => {
    one.className = word;
    one.title = one.ariaLabel = words[word];
  };
  let timer = 0;
  const pause = () => {
    clearInterval(timer);
    timer = 0;
    say.ariaLive = "polite";
    name(play, "play");
  };
  const step = (by) => {
    const next = current() + by;
    if (next >= 0 && next <= last) go(next);
  };
  const tick = () => {
    // Nobody looks at a hidden tab or a folded cell.
    if (document.hidden || !play.offsetParent) return pause();
    if (current() + 1 >= last) pause();
    step(1);
  };
  name(back, "back");
  name(forward, "forward");
  pause();
  back.onclick = () => (pause(), step(-1));
  forward.onclick = () => (pause(), step(1));
  play.onclick = () => {
    if (timer) return pause();
    timer = setInterval(tick, STEP_MS);
    say.ariaLive = "off";
    name(play, "pause");
    if (current() === last) go(0);
  };
  const show = () => {
    back.ariaDisabled = current() === 0;
    forward.ariaDisabled = current() === last;
  };
  return { buttons: [back, play, forward], pause, show };
}

// The question of a state: rows of buttons to press, in which the arrow keys move.
function questionRows({ text, rows, columns, answers }, words) {
  const buttons = columns.map((labels) => labels.map(button));
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
    const place = row.indexOf(event.target) + right;
    near[Math.min(near.length - 1, Math.max(0, place))]?.focus();
  };
  const mark = (one, good) => {
    one.onclick = null;
    one.ariaDisabled = true;
    one.className = good ? "right" : "wrong";
    const said = make("span", { class: "unseen" }, ` ${good ? words.correct : words.wrong}`);
    one.append(make("i", { "aria-hidden": true }, good ? "✓" : "✕"), said);
    return good;
  };
  const reveal = () => {
    const wanted = answers.join("");
    const right = all.filter((one, i) => mark(one, (one.ariaPressed === "true") === wanted[i] > 0));
    return words.right.replace("{right}", right.length).replace("{all}", all.length);
  };
  return { element, reveal };
}

const frames = (stage) => find(stage, ".masklens,.masklens-trace");
const parts = (stage) => find(stage, ".facts>li,.masklens-trace tr");
const tokens = (stage) => {
  const rows = find(stage, ".masklens figure tr").map((row) => find(row, ".t,.x"));
  return rows.flat().length > MOST_MOVING ? [] : rows;
};
const place = (element) => element.getBoundingClientRect();

// Adds what needs scripts: copy buttons, and frames that the keyboard scrolls.
function finish(picture, words) {
  for (const frame of frames(picture)) {
    frame.tabIndex = 0;
    frame.role = "group";
    frame.ariaLabel = words.picture;
  }
  for (const pre of find(picture, "pre[data-copy]")) {
    const copy = button(words.copy);
    copy.ariaLive = "polite";
    copy.onclick = async () => {
      try {
        await navigator.clipboard.writeText(pre.textContent);
      } catch {
        // No permission, or no secure page: the older way.
        getSelection().selectAllChildren(pre);
        document.execCommand("copy");
      }
      copy.textContent = words.copied;
      setTimeout(() => (copy.textContent = words.copy), 2000);
    };
    const both = make("div", { class: "copy" });
    pre.replaceWith(both);
    both.append(pre, copy);
  }
  return picture;
}

// The picture before, to be read while nothing has moved: later it would cost a layout.
const remember = (stage) => ({
  scrolled: frames(stage).map((frame) => [frame.scrollLeft, frame.scrollTop]),
  before: tokens(stage).map((row) => row.map(place)),
  seen: new Set(parts(stage).map((part) => part.outerHTML)),
});

// Shows a picture; tokens move to their places, and what is new lights up once.
function put(stage, picture, { scrolled, before, seen }) {
  stage.replaceChildren(picture);
  frames(stage).forEach((frame, i) => {
    if (scrolled[i]?.some(Boolean)) frame.scrollTo(...scrolled[i]);
  });
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const animate = (element, property, from, to, duration) =>
    element.animate({ [property]: [from, to] }, { duration, easing: "ease-out" });
  const moving = before.length ? tokens(stage) : [];
  moving.forEach((row, i) => {
    if (row.length !== before[i]?.length) return;
    row.map(place).forEach(({ left, top }, j) => {
      const [x, y] = [before[i][j].left - left, before[i][j].top - top];
      if (x || y) animate(row[j], "transform", `translate(${x}px,${y}px)`, "none", MOVE_MS);
    });
  });
  const all = parts(stage);
  const fresh = all.filter((part) => !seen.has(part.outerHTML));
  if (!seen.size || fresh.length === all.length) return;
  const glow = "color-mix(in srgb,var(--now) 28%,#0000)";
  for (const part of fresh)
    animate(part.querySelector("th") ?? part, "backgroundColor", glow, "#0000", 8 * MOVE_MS);
}

function showStep(stage, step) {
  for (const { dataset, classList } of find(stage, "[data-t]")) {
    const ahead = dataset.t - step;
    classList.toggle("past", ahead < 0);
    classList.toggle("now", ahead === 0);
    classList.toggle("future", ahead > 0);
  }
  const frame = frames(stage).find((one) => one.querySelector(".now"));
  if (!frame) return;
  const [now, view] = [place(frame.querySelector(".now")), place(frame)];
  if (now.right > view.right) frame.scrollLeft += now.right - view.right + 8;
  if (now.left < view.left) frame.scrollLeft += now.left - view.left - 8;
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
  // A page may hold several views, each with a module of its own.
  const id = `masklens-${Math.random().toString(36).slice(2)}-`;
  const say = make("p", { class: "say", "aria-live": "polite" });
  const box = make("div", { class: "ask" });
  const turn = button();
  const stage = make("div", { class: "stage" });
  let at = [];
  let [state, drawn, asked, question] = [null, null, null, null];
  let open = false;
  let predicting = grid.predict;

  const selected = () => [...model.get("selection")];
  const draw = (score = "", was = remember(stage)) => {
    const picture = open ? null : state.picture;
    box.hidden = !question;
    turn.hidden = !predicting || state.question === null;
    turn.textContent = open ? words.reveal : words.again;
    say.replaceChildren(make("b", {}, open ? pool[asked].text : score), open ? "" : state.say);
    if (open) stage.replaceChildren();
    else if (picture !== drawn) put(stage, finish(build(pool, picture), words), was);
    drawn = picture;
    if (play && !open) showStep(stage, at[steps]);
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
    const was = remember(stage);
    // A step within one question does not ask again.
    const moved = axes.some(([, axis], i) => axis.control !== "steps" && next[i] !== at[i]);
    at = next;
    const place = axes.reduce((sum, [, { options }], i) => sum * options.length + at[i], 0);
    state = pool[states[place]];
    controls.forEach((one, i) => one.set(at[i]));
    play?.show();
    if (moved || state.question !== asked) {
      if (predicting && state.question !== null) ask();
      else leave();
    }
    draw("", was);
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
  const last = axes[steps]?.[1].options.length - 1;
  const go = (option) => choose(steps, option);
  const play = steps < 0 ? null : player(words, say, last, () => at[steps], go);
  if (play) controls[steps].element.lastChild.prepend(...play.buttons);

  turn.onclick = () => {
    if (!open) ask();
    else open = false;
    draw(open ? "" : question.reveal());
  };
  const head = make("div", { class: "head" }, make("b", {}, title));
  if (pool.some((entry) => Number.isInteger(entry.question))) {
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
  el.onkeydown = (event) => event.ctrlKey || event.metaKey || event.stopPropagation();
  const row = make("div", { class: "controls" }, ...controls.map(({ element }) => element));
  show(selected());
  el.classList.add("masklens-explorer", "masklens-live");
  el.lang = lang;
  el.replaceChildren(head, row, say, box, turn, stage);
  model.on("change:selection", changed);
  return () => {
    play?.pause();
    model.off("change:selection", changed);
    el.replaceChildren();
  };
}

export default { render };
