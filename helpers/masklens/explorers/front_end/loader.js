// What every explorer loads: it finds the front end that all explorers of a notebook share.

const loaded = (globalThis.masklensFrontEnds ??= new Map());

function load(source) {
  if (!loaded.has(source)) {
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    loaded.set(source, import(address).finally(() => URL.revokeObjectURL(address)));
  }
  return loaded.get(source);
}

export default {
  async render({ model, el }) {
    const front = await model.widget_manager.get_model(model.get("front_end"));
    const names = ["words", "style", "palette", "weights"];
    const shared = Object.fromEntries(names.map((name) => [name, front.get(name)]));
    return (await load(front.get("source"))).render({ model, el, shared });
  },
};
