/**
 * Maps as surfaces and a model in them, drawn by Mol* (MIT, https://molstar.org) from bytes in memory.
 * JavaScript, because Mol*'s types are there only where tools/web is installed; views/solid.ts declares the
 * module's interface.
 */
import { Volume } from 'molstar/lib/mol-model/volume.js';
import { PluginContext } from 'molstar/lib/mol-plugin/context.js';
import { createVolumeRepresentationParams } from 'molstar/lib/mol-plugin-state/helpers/volume-representation-params.js';
import { StateTransforms } from 'molstar/lib/mol-plugin-state/transforms.js';
import { Color } from 'molstar/lib/mol-util/color/index.js';

/** One canvas with any of the maps, and the model. */
class Scene {
  constructor(canvas, plugin) {
    this.canvas = canvas;
    this.plugin = plugin;
    this.surfaces = new Map();
    this.colours = new Map();
  }

  static async open(container) {
    const canvas = document.createElement('canvas');
    container.append(canvas);
    const plugin = new PluginContext({ behaviors: [], actions: [], animations: [] });
    await plugin.init();
    if (!(await plugin.initViewerAsync(canvas, container))) throw new Error('this browser offers no WebGL');
    plugin.canvas3d.setProps({
      camera: { helper: { axes: { name: 'off', params: {} } } },
      renderer: { ambientIntensity: 0.5 },
      cameraFog: { name: 'on', params: { intensity: 30 } },
    });
    return new Scene(canvas, plugin);
  }

  async volumeOf(bytes, label) {
    const raw = await this.plugin.builders.data.rawData({ data: bytes, label });
    const state = this.plugin.build().to(raw);
    return state.apply(StateTransforms.Data.ParseCcp4).apply(StateTransforms.Volume.VolumeFromCcp4).commit();
  }

  async addMap(name, bytes) {
    this.surfaces.set(name, { volume: await this.volumeOf(bytes, name), surface: undefined });
  }

  async addColour(label, bytes) {
    this.colours.set(label, await this.volumeOf(bytes, label));
  }

  async addModel({ text, format }) {
    const { data, structure } = this.plugin.builders;
    const raw = await data.rawData({ data: text, label: 'model' });
    const trajectory = await structure.parseTrajectory(raw, format);
    const built = await structure.createStructure(await structure.createModel(trajectory));
    const polymer = await structure.tryCreateComponentStatic(built, 'polymer');
    const all = await structure.tryCreateComponentStatic(built, 'all');
    const { representation } = structure;
    if (polymer) await representation.addRepresentation(polymer, { type: 'cartoon', color: 'chain-id' });
    if (all)
      await representation.addRepresentation(all, {
        type: 'ball-and-stick',
        typeParams: { sizeFactor: 0.12, ignoreHydrogens: true },
        color: 'element-symbol',
      });
  }

  /** `look`: level in the map's own unit, colour as 0xrrggbb or values to colour by, opacity. */
  async draw(name, look) {
    const entry = this.surfaces.get(name);
    if (entry === undefined) return;
    const { level, alpha, visible, colour, by } = look;
    const values = by && this.colours.get(by.label);
    const theme = values
      ? {
          color: 'external-volume',
          colorParams: {
            volume: { ref: values.ref, getValue: () => values.data },
            coloring: {
              name: 'absolute-value',
              params: {
                domain: { name: 'custom', params: [by.low, by.high] },
                list: { kind: 'interpolate', colors: by.colours.map(Color) },
              },
            },
          },
        }
      : { color: 'uniform', colorParams: { value: Color(colour) } };
    const params = createVolumeRepresentationParams(this.plugin, entry.volume.data, {
      type: 'isosurface',
      typeParams: {
        isoValue: Volume.IsoValue.absolute(level),
        alpha,
        visuals: visible ? ['solid'] : [],
        tryUseGpu: false,
      },
      ...theme,
    });
    const build = this.plugin.build();
    if (entry.surface === undefined)
      entry.surface = await build
        .to(entry.volume)
        .apply(StateTransforms.Representation.VolumeRepresentation3D, params)
        .commit();
    else await build.to(entry.surface).update(params).commit();
  }

  setBackground(rgb) {
    this.plugin.canvas3d.setProps({ renderer: { backgroundColor: Color(rgb) } });
  }

  dispose() {
    this.plugin.dispose();
    this.canvas.remove();
  }
}

/** Rotating one scene rotates the other. */
function link(one, other) {
  let busy = false;
  const follow = (from, to) =>
    from.plugin.canvas3d.camera.stateChanged.subscribe(() => {
      if (busy) return;
      busy = true;
      to.plugin.canvas3d.camera.setState(from.plugin.canvas3d.camera.getSnapshot(), 0);
      to.plugin.canvas3d.requestDraw();
      busy = false;
    });
  return [follow(one, other), follow(other, one)];
}

/**
 * `data`: protocol.ts, ViewData. `layout`: 'side' has a scene for each map, 'overlay' one for both. Returns
 * the functions that draw and dispose of them.
 */
export async function openScenes(container, data, layout) {
  const panes = (layout === 'side' ? [['before'], ['after']] : [['before', 'after']]).map((names) => {
    const pane = document.createElement('div');
    pane.className = 'solid-pane';
    container.append(pane);
    return { names, pane };
  });
  const scenes = [];
  for (const { names, pane } of panes) {
    const scene = await Scene.open(pane);
    scenes.push(scene);
    for (const name of names) await scene.addMap(name, data[name].bytes);
    for (const { label, bytes } of data.colours) await scene.addColour(label, bytes);
    if (data.model) await scene.addModel(data.model);
  }
  const links = scenes.length === 2 ? link(...scenes) : [];
  return {
    async draw(looks, background) {
      for (const scene of scenes) {
        scene.setBackground(background);
        for (const [name, look] of Object.entries(looks)) await scene.draw(name, look);
      }
    },
    /** Resets the camera. */
    reset() {
      scenes[0].plugin.canvas3d.requestCameraReset({ durationMs: 0 });
    },
    zoom(factor) {
      const { canvas3d } = scenes[0].plugin;
      const { position, target } = canvas3d.camera.getSnapshot();
      const nearer = position.map((at, axis) => target[axis] + factor * (at - target[axis]));
      canvas3d.camera.setState({ position: nearer }, 0);
      canvas3d.requestDraw();
    },
    dispose() {
      for (const one of links) one.unsubscribe();
      for (const scene of scenes) scene.dispose();
      container.replaceChildren();
    },
  };
}
