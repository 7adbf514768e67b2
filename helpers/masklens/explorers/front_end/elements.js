// The elements of an explorer: fields, switches, buttons, a player, and what they say aloud.

// Makes an element of a tag and its classes, such as "div.stage".
export function make(kind, attributes = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag);
  element.className = classes.join(" ");
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  // Text stays text: whatever a learner types is never read as HTML.
  element.append(...children);
  return element;
}

export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export function button(text, label, onclick) {
  const made = make("button", { type: "button", "aria-label": label, title: label }, text);
  made.onclick = onclick;
  return made;
}

// Sets properties of an element; what stays as it was costs the browser nothing.
export function update(element, values) {
  for (const name in values) if (element[name] !== values[name]) element[name] = values[name];
}

// Makes or takes away elements at the end of a list, until there are as many as wanted.
export function resize(list, count, add, remove) {
  while (list.length > count) remove(list.pop());
  while (list.length < count) list.push(add(list.length));
}

// What scrolls sideways where it is too wide, by the keys too.
export const pictureFrame = (t, ...children) =>
  make("div.rows", { tabindex: 0, role: "group", "aria-label": t("picture") }, ...children);

export const controlRow = (controls) => make("div.controls", {}, ...controls.map(({ element }) => element));

// One control: its element, and `set`, which shows a value that somebody else chose. What a learner
// chooses goes to `change`, under the name of the setting.
function control(name, label, tag = "label", caption = "span") {
  return make(tag, { class: "control", "data-name": name }, make(caption, { class: "caption" }, label));
}

export function choice(name, label, options, change) {
  const element = control(name, label, "fieldset", "legend");
  const group = `masklens-${Math.random().toString(36).slice(2)}`;
  const radios = options.map(([value]) => make("input", { type: "radio", name: group, value }));
  radios.forEach((radio, i) => (radio.onchange = () => change({ [name]: options[i][0] })));
  const labels = options.map(([, text], i) => make("label", {}, radios[i], make("span", {}, text)));
  element.append(make("div.segments", {}, ...labels));
  return { element, set: (value) => radios.forEach((radio, i) => (radio.checked = options[i][0] === value)) };
}

// The side on which something happens: the one choice that several explorers give.
export const sideChoice = (name, change) => choice(name, name, ["pre", "post"].map((side) => [side, side]), change);

export function toggle(name, label, change) {
  const element = control(name, label);
  const input = make("input", { type: "checkbox", role: "switch" });
  input.onchange = () => change({ [name]: input.checked });
  element.append(input);
  return { element, set: (on) => (input.checked = on) };
}

export function slider(name, label, least, change) {
  const element = control(name, label);
  const input = make("input", { type: "range", min: least });
  const output = make("output");
  input.oninput = () => change({ [name]: input.valueAsNumber });
  element.append(make("div.range", {}, input, output));
  const set = (value, most) => {
    update(input, { max: String(most), value: String(value) });
    update(output, { textContent: String(value) });
  };
  return { element, set };
}

export function number(name, label, change) {
  const element = control(name, label);
  const input = make("input", { type: "number", step: 1, min: -999999, max: 999999 });
  input.oninput = () => {
    const value = input.valueAsNumber;
    const valid = Number.isInteger(value) && input.validity.valid;
    input.ariaInvalid = !valid;
    if (valid) change({ [name]: value });
  };
  element.append(input);
  const set = (value) => {
    if (input.valueAsNumber !== value) input.value = value;
  };
  return { element, set };
}

// Text fields, one for each sentence; `pick` gets the index of the one that is meant.
export function sentenceFields(t, most, change, pick = null) {
  const list = make("ol.sentences");
  const fields = [];
  const choose = (sentences) => change({ sentences });
  const add = button(t("add sentence"), t("add sentence"), () => {
    choose([...read(), ""]);
    fields.at(-1).input.focus();
  });
  const read = () => fields.map(({ input }) => input.value);
  const makeField = (place) => {
    const input = make("input", { type: "text", dir: "auto", spellcheck: "false", autocomplete: "off" });
    input.ariaLabel = t("sentence", { number: place + 1 });
    input.oninput = () => choose(read());
    if (pick) input.onfocus = () => pick(place);
    const remove = button("×", t("remove sentence", { number: place + 1 }), () => {
      const left = read().filter((_, i) => i !== place);
      choose(left);
      fields[Math.min(place, left.length - 1)].input.focus();
    });
    const item = make("li", {}, input, remove);
    list.append(item);
    return { item, input, remove };
  };
  const set = (sentences, picked = -1) => {
    resize(fields, sentences.length, makeField, ({ item }) => item.remove());
    fields.forEach(({ item, input, remove }, i) => {
      update(input, { value: sentences[i] });
      remove.hidden = sentences.length === 1;
      item.classList.toggle("picked", i === picked && sentences.length > 1);
    });
    add.hidden = sentences.length >= most;
  };
  return { element: make("div", {}, list, add), set };
}

// Play, single steps and a slider. `show` gets the step, and whether it is to be seen moving.
export function player(t, milliseconds, show) {
  let [at, last, timer] = [0, 0, 0];
  const range = make("input", { type: "range", min: 0, "aria-label": t("step") });
  const label = make("output");
  const go = (step, moving) => {
    at = Math.min(last, Math.max(0, step));
    range.value = at;
    show(at, moving);
    back.ariaDisabled = at === 0;
    forward.ariaDisabled = at === last;
  };
  const dress = (name) => update(play, { className: name, title: t(name), ariaLabel: t(name) });
  const pause = () => {
    clearInterval(timer);
    timer = 0;
    dress("play");
  };
  const tick = () => {
    // Nobody looks at a hidden tab or a folded cell.
    if (document.hidden || !play.offsetParent) return pause();
    go(at + 1, true);
    if (at === last) pause();
  };
  const icon = (name, act) => Object.assign(button("", t(name), act), { className: name });
  const back = icon("back", () => (pause(), go(at - 1, false)));
  const forward = icon("forward", () => (pause(), go(at + 1, true)));
  const play = icon("play", () => {
    if (timer) return pause();
    if (at === last) go(0, false);
    dress("pause");
    timer = setInterval(tick, milliseconds);
  });
  range.oninput = () => (pause(), go(range.valueAsNumber, true));
  const element = make("div.player", {}, play, back, range, forward, label);
  // Whoever stands at the end stays there, however many steps there are.
  const set = (most) => {
    const step = at === last ? most : at;
    last = range.max = most;
    go(step, false);
  };
  const tell = (text) => (range.ariaValueText = label.textContent = text);
  return { element, set, go, pause, tell, playing: () => timer !== 0, at: () => at };
}

// Answers between 0 and 1 as bars with their numbers; null where there is none.
export function answerPanel(count, ...heading) {
  const gauges = Array.from({ length: count }, () => {
    const [what, value] = [make("span.what"), make("b")];
    const fill = make("i", { "aria-hidden": "true" });
    const gauge = make("div.gauge", {}, what, make("div.bar", {}, fill), value);
    return { gauge, what, value, fill };
  });
  const set = (place, text, answer, wrong = false) => {
    const { gauge, what, value, fill } = gauges[place];
    update(what, { textContent: text });
    update(value, { textContent: answer === null ? "–" : answer.toFixed(2) });
    fill.style.transform = `scaleX(${answer ?? 0})`;
    gauge.classList.toggle("bad", wrong);
  };
  return { element: make("div.answer", {}, ...heading, ...gauges.map(({ gauge }) => gauge)), set };
}

// Says what is well (ok), what is not, or, with null, what is neither.
export const tell = (element, text, ok) => {
  update(element, { textContent: ok === null ? text : `${ok ? "✓" : "✕"} ${text}` });
  element.classList.toggle("ok", ok === true);
  element.classList.toggle("bad", ok === false);
};

export function codeBlock(t) {
  const code = make("code");
  const copy = button(t("copy"), t("copy"), async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      // No permission, or no secure page: the older way.
      getSelection().selectAllChildren(code);
      document.execCommand("copy");
    }
    copy.textContent = t("copied");
    setTimeout(() => (copy.textContent = t("copy")), 2000);
  });
  const block = make("div.copy", {}, make("pre", { tabindex: 0 }, code), copy);
  const element = make("details", {}, make("summary", {}, t("show code")), block);
  return { element, set: (text) => update(code, { textContent: text }) };
}

// A question before the picture: two to four answers, one of them right. The picture keeps its place.
export function predictCard(t, picture) {
  const element = make("div.predict", { role: "group" });
  let asked = null;
  const cover = (on) => {
    picture.classList.toggle("covered", on);
    picture.inert = on;
  };
  const answer = (given, { options, right }) => {
    [...element.querySelectorAll("button")].forEach((one, i) => {
      one.disabled = true;
      if (i === right) one.textContent = `✓ ${options[i]}`;
      else if (i === given) one.textContent = `✕ ${options[i]}`;
      one.classList.toggle("chosen", i === given);
    });
    element.lastElementChild.textContent = given === right ? t("right") : t("not right", { answer: options[right] });
    cover(false);
  };
  // Asks once for each question; the same question again leaves the card as it is. Null asks none.
  const ask = (question) => {
    const known = asked;
    asked = question && JSON.stringify(question);
    element.hidden = !question;
    if (!question) return cover(false);
    if (asked === known) return;
    const buttons = question.options.map((option, i) => {
      const made = make("button", { type: "button" }, option);
      made.onclick = () => answer(i, question);
      return made;
    });
    element.ariaLabel = question.text;
    element.replaceChildren(
      make("p", {}, make("b", {}, t("predict")), " ", question.text),
      make("div.options", {}, ...buttons),
      make("p", { role: "status" }, t("choose to see")),
    );
    cover(true);
  };
  return { element, ask, covers: () => picture.inert };
}

// Which number? The first is right; the others are those that one may take for it.
export function numberQuestion(text, numbers) {
  const options = [...new Set(numbers)].slice(0, 4).sort((one, other) => one - other);
  return { text, options: options.map(String), right: options.indexOf(numbers[0]) };
}
