// Brings the explorers of a static page to life, from the widget state that the page carries.
// It works from a server and from a file, without a kernel and without a network.
(() => {
  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';

  // What an ES module needs of a widget's model; all views of a model share it.
  const makeModel = (state, manager) => {
    const listeners = {};
    return {
      widget_manager: manager,
      get: (name) => state[name],
      set(name, value) {
        state[name] = value;
        for (const listener of listeners[`change:${name}`] ?? []) listener();
      },
      on: (event, listener) => (listeners[event] ??= new Set()).add(listener),
      off: (event, listener) => listeners[event]?.delete(listener),
      save_changes() {},
    };
  };

  const readStates = () => {
    const states = {};
    for (const script of document.querySelectorAll(STATE)) {
      const saved = JSON.parse(script.textContent);
      Object.assign(states, saved.state ?? saved);
    }
    return states;
  };

  const once = (make) => {
    const made = new Map();
    return (key) => made.get(key) ?? made.set(key, make(key)).get(key);
  };
  const load = once(async (source) => {
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    try {
      return (await import(address)).default;
    } finally {
      URL.revokeObjectURL(address);
    }
  });

  const places = () => {
    const pictures = document.querySelectorAll(".masklens-explorer[data-model]:not([data-live])");
    const views = document.querySelectorAll(`${VIEW}:not([data-live])`);
    return [
      ...[...pictures].map((place) => [place, place.dataset.model]),
      ...[...views].map((place) => [place, JSON.parse(place.textContent).model_id]),
    ];
  };

  const start = async () => {
    const states = readStates();
    const manager = { get_model: async (id) => model(id) };
    const model = once((id) => makeModel(states[id].state, manager));
    for (const [place, id] of places()) {
      const state = states[id]?.state;
      if (!state?.data || !states[state.front_end]) {
        if (!place.matches(VIEW)) place.dataset.live = "no";
        continue;
      }
      try {
        const explorer = await load(state._esm);
        const el = document.createElement("div");
        // In its place before it is drawn, so that it knows its width.
        if (place.matches(VIEW)) place.after(el);
        else place.prepend(el);
        await explorer.render({ model: model(id), el });
        // An explorer that cannot be shown says why, beside its picture.
        if (!place.matches(VIEW) && !el.querySelector("[role=alert]")) place.replaceChildren(el);
      } catch (error) {
        console.warn(error);
      }
      place.dataset.live = "";
    }
  };

  const startOrWarn = () => start().catch((error) => console.warn(error));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startOrWarn);
  else startOrWarn();
})();
