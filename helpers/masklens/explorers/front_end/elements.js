// The elements of an explorer: fields, switches, buttons, a player, and what they say aloud.

// Makes an element of a tag and its classes, such as "div.stage", with attributes and children.
export function make(kind, ...parts) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag);
  element.className = classes.join(" ");
  for (const part of parts) {
    // Text stays text: whatever a learner types is never read as HTML.
    if (typeof part === "string" || part instanceof Node) element.append(part);
    else for (const name in part) element.setAttribute(name, part[name]);
  }
  return element;
}

export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export function button(text, onclick, label = text, className = "") {
  const made = make("button", { type: "button", "aria-label": label, title: label }, text);
  return Object.assign(made, { onclick, className });
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

export const controlRow = (controls) => make("div.controls", ...controls.map(({ element }) => element));

// One control: its element, and `set`, which shows a value that somebody else chose. What a learner
// chooses goes to `change`, under the name of the setting.
function control(name, label, input, set, tag = "label", caption = "span") {
  return { element: make(`${tag}.control`, { "data-name": name }, make(`${caption}.caption`, label), input), set };
}

// One of several values; `texts` name them.
export function choice(name, label, change, values, texts = values) {
  // A name that no other choice has.
  const group = Math.random();
  const radios = values.map((value) => make("input", { type: "radio", name: group, value }));
  radios.forEach((radio, i) => (radio.onchange = () => change({ [name]: values[i] })));
  const labels = radios.map((radio, i) => make("label", radio, make("span", texts[i])));
  const set = (value) => radios.forEach((radio, i) => (radio.checked = values[i] === value));
  return control(name, label, make("div.segments", ...labels), set, "fieldset", "legend");
}

// The side on which something happens: the one choice that several explorers give.
export const sideChoice = (name, change) => choice(name, name, change, ["pre", "post"]);

export function toggle(name, label, change) {
  const input = make("input", { type: "checkbox", role: "switch" });
  input.onchange = () => change({ [name]: input.checked });
  return control(name, label, input, (on) => (input.checked = on));
}

// `set` gets how far it goes too, if it need not go farther.
export function slider(name, label, min, change) {
  const input = make("input", { type: "range", min });
  const output = make("output");
  input.oninput = () => change({ [name]: input.valueAsNumber });
  return control(name, label, make("div.range", input, output), (value, most) => {
    update(input, { max: String(Math.max(most, value)), value: String(value) });
    update(output, { textContent: input.value });
  });
}

export function number(name, change) {
  const input = make("input", { type: "number", step: 1, min: -999999, max: 999999 });
  input.oninput = () => {
    const valid = input.validity.valid && Number.isInteger(input.valueAsNumber);
    input.ariaInvalid = !valid;
    if (valid) change({ [name]: input.valueAsNumber });
  };
  return control(name, name, input, (value) => {
    if (input.valueAsNumber !== value) input.value = value;
  });
}

// Text fields, one for each sentence; `pick` gets the index of the one that is meant.
export function sentenceFields(t, most, change, pick) {
  const list = make("ol.sentences");
  const fields = [];
  const choose = (sentences) => change({ sentences });
  const add = button(t("add sentence"), () => {
    choose([...read(), ""]);
    fields.at(-1).input.focus();
  });
  const read = () => fields.map(({ input }) => input.value);
  const makeField = (place) => {
    const input = make(
      "input",
      { type: "text", dir: "auto", spellcheck: "false", autocomplete: "off" },
      { "aria-label": t("sentence", { number: place + 1 }) },
    );
    input.oninput = () => choose(read());
    input.onfocus = () => pick?.(place);
    const removal = () => {
      choose(read().toSpliced(place, 1));
      fields[Math.min(place, fields.length - 1)].input.focus();
    };
    const remove = button("×", removal, t("remove sentence", { number: place + 1 }));
    const item = make("li", input, remove);
    list.append(item);
    return { item, input, remove };
  };
  const set = (sentences, picked) => {
    resize(fields, sentences.length, makeField, ({ item }) => item.remove());
    fields.forEach(({ item, input, remove }, i) => {
      update(input, { value: sentences[i] });
      remove.hidden = sentences.length === 1;
      item.classList.toggle("picked", i === picked && sentences.length > 1);
    });
    add.hidden = sentences.length >= most;
  };
  return { element: make("div", list, add), set };
}

// Sentences, and how they are padded.
export function paddedSentences(t, most, change, pick) {
  const fields = sentenceFields(t, most, change, pick);
  const padding = sideChoice("padding", change);
  const maxlen = slider("maxlen", "maxlen", 1, change);
  const set = (settings, length, picked) => {
    fields.set(settings.sentences, picked);
    padding.set(settings.padding);
    maxlen.set(length, 24);
  };
  return { elements: [fields.element, controlRow([padding, maxlen])], set };
}

// Play, single steps and a slider. `show` gets the step, and whether it is to be seen moving; it
// returns the name of the step.
export function player(t, milliseconds, show) {
  let timer = 0;
  // The slider keeps the step within its ends.
  const range = make("input", { type: "range", min: 0, max: 0, "aria-label": t("step") });
  const label = make("output");
  const isLast = () => range.value === range.max;
  const go = (step, moving) => {
    range.value = step;
    range.ariaValueText = label.textContent = show(range.valueAsNumber, moving);
    back.ariaDisabled = range.value === range.min;
    forward.ariaDisabled = isLast();
  };
  const goBy = (count, moving) => go(range.valueAsNumber + count, moving);
  const dress = (name) => update(play, { className: name, title: t(name), ariaLabel: t(name) });
  const pause = () => {
    clearInterval(timer);
    timer = 0;
    dress("play");
  };
  const tick = () => {
    // Nobody looks at a hidden tab or a folded cell, or at what is taken away.
    if (document.hidden || !play.offsetParent) return pause();
    goBy(1, true);
    if (isLast()) pause();
  };
  const icon = (name, act) => button("", act, t(name), name);
  const back = icon("back", () => (pause(), goBy(-1, false)));
  const forward = icon("forward", () => (pause(), goBy(1, true)));
  const play = icon("play", () => {
    if (timer) return pause();
    if (isLast()) go(0, false);
    dress("pause");
    timer = setInterval(tick, milliseconds);
  });
  range.oninput = () => (pause(), go(range.value, true));
  const element = make("div.player", play, back, range, forward, label);
  // Whoever stands at the end stays there, however many steps there are.
  const set = (most) => {
    const step = isLast() ? most : range.value;
    range.max = most;
    go(step, false);
  };
  return { element, set, playing: () => timer !== 0 };
}

// Answers between 0 and 1 as bars with their numbers, null where there is none. Beneath a title,
// a verdict follows them.
export function answerPanel(count, title) {
  const gauges = Array.from({ length: count }, () => {
    const [what, value] = [make("span.what"), make("b")];
    const fill = make("i");
    const gauge = make("div.gauge", what, make("div.bar", fill), value);
    return { gauge, what, value, fill };
  });
  const set = (place, text, answer, wrong = false) => {
    const { gauge, what, value, fill } = gauges[place];
    update(what, { textContent: text });
    update(value, { textContent: answer === null ? "–" : answer.toFixed(2) });
    fill.style.transform = `scaleX(${answer ?? 0})`;
    gauge.classList.toggle("bad", wrong);
  };
  const element = make("div.answer", ...gauges.map(({ gauge }) => gauge));
  const verdict = make("p.verdict");
  if (title) {
    element.prepend(make("p.title", title));
    element.append(verdict);
  }
  return { element, set, verdict };
}

// Says what is well (ok), what is not, or, with null, what is neither.
export const tell = (element, text, ok) => {
  update(element, { textContent: ok === null ? text : `${ok ? "✓" : "✕"} ${text}` });
  element.classList.toggle("ok", ok === true);
  element.classList.toggle("bad", ok === false);
};

export function codeBlock(t) {
  const code = make("code");
  const copy = button(t("copy"), async () => {
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
  const block = make("div.copy", make("pre", { tabindex: 0 }, code), copy);
  const element = make("details", make("summary", t("code")), block);
  return { element, set: (text) => update(code, { textContent: text }) };
}

// A question before the picture: two to four answers, one of them right. The picture keeps its place.
// `ask` asks once for each question; the same question again leaves the card as it is. Null asks none.
export function predictCard(t, picture) {
  const element = make("div.predict", { role: "group" });
  let asked;
  const ask = (question) => {
    const known = asked;
    asked = JSON.stringify(question);
    element.hidden = !question;
    if (!question) picture.inert = false;
    if (!question || asked === known) return;
    const { text, options, right } = question;
    const buttons = options.map((option) => make("button", { type: "button" }, option));
    const told = make("p", { role: "status" }, t("choose"));
    const answer = (given) => {
      buttons.forEach((one, i) => {
        one.disabled = true;
        if (i === right || i === given) one.prepend(i === right ? "✓ " : "✕ ");
        one.classList.toggle("chosen", i === given);
      });
      told.textContent = t(given === right ? "right" : "not right", { answer: options[right] });
      picture.inert = false;
    };
    buttons.forEach((one, i) => (one.onclick = () => answer(i)));
    element.ariaLabel = text;
    const line = make("p", make("b", t("predict")), " ", text);
    element.replaceChildren(line, make("div.options", ...buttons), told);
    picture.inert = true;
  };
  return { element, ask };
}

// Which number? The first is right; the others are those that one may take for it.
export function numberQuestion(text, numbers) {
  const options = [...new Set(numbers)].slice(0, 4).sort((one, other) => one - other);
  return { text, options: options.map(String), right: options.indexOf(numbers[0]) };
}
