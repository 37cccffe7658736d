/**
 * The script of a report, as text because it runs in the reader's browser; test/cli/report-browser.test.ts
 * runs it in one. Nothing is loaded: the small maps are embedded in the page as base64.
 */

/** The divider between before and after, moved with the pointer or the slider. */
const COMPARE = `
for (const group of document.querySelectorAll('[data-compare]')) {
  const slider = group.querySelector('input[type=range]');
  const show = (percent) => {
    slider.value = percent;
    group.style.setProperty('--cut', percent + '%');
  };
  slider.addEventListener('input', () => show(slider.value));
  for (const pane of group.querySelectorAll('.compare')) {
    const follow = (event) => {
      const box = pane.getBoundingClientRect();
      show(Math.min(100, Math.max(0, (100 * (event.clientX - box.left)) / box.width)));
    };
    pane.addEventListener('pointerdown', (event) => {
      pane.setPointerCapture(event.pointerId);
      follow(event);
    });
    pane.addEventListener('pointermove', (event) => { if (event.buttons) follow(event); });
  }
  for (const choice of group.querySelectorAll('input[type=radio]')) {
    choice.addEventListener('change', () => {
      for (const image of group.querySelectorAll('[data-map]'))
        image.hidden = image.dataset.map !== choice.value;
      for (const tag of group.querySelectorAll('.tag.left')) tag.textContent = choice.dataset.label;
    });
  }
}`;

/**
 * Fragment shader of the surfaces: ray marching through a 3D texture. The first crossing of the level along
 * each ray is refined by bisection, and shaded by the gradient. Lengths are fractions of the longest edge;
 * `turn` rotates camera coordinates to those of the map, and the camera looks along -z.
 */
const FRAGMENT_SHADER = `#version 300 es
precision highp float; precision highp sampler3D;
uniform sampler3D map; uniform mat3 turn; uniform vec3 size; uniform float level, zoom, stepLength;
uniform vec2 aspect; uniform vec3 ink;
in vec2 at; out vec4 colour;
float value(vec3 p) { return texture(map, p / size + 0.5).r; }
void main() {
  vec3 from = turn * vec3(at * aspect / zoom, 2.0);
  vec3 along = turn * vec3(0.0, 0.0, -1.0) + vec3(1e-5);
  vec3 a = (-0.5 * size - from) / along, b = (0.5 * size - from) / along;
  vec3 near = min(a, b), far = max(a, b);
  float t = max(max(near.x, near.y), near.z), end = min(min(far.x, far.y), far.z);
  float start = t;
  colour = vec4(0.0);
  for (int i = 0; i < 600 && t < end; i++, t += stepLength) {
    if (value(from + along * t) < level) continue;
    float low = max(start, t - stepLength), high = t;
    for (int j = 0; j < 6; j++) {
      float middle = 0.5 * (low + high);
      if (value(from + along * middle) < level) low = middle; else high = middle;
    }
    vec3 p = from + along * high;
    vec3 d = vec3(1.5 * stepLength, 0.0, 0.0);
    vec3 slope = vec3(value(p - d.xyy) - value(p + d.xyy), value(p - d.yxy) - value(p + d.yxy),
      value(p - d.yyx) - value(p + d.yyx));
    vec3 normal = normalize(transpose(turn) * slope + vec3(0.0, 0.0, 1e-6));
    float light = 0.42 + 0.62 * max(0.0, dot(normal, normalize(vec3(-0.4, 0.6, 0.8))));
    float shine = pow(max(0.0, dot(normal, normalize(vec3(-0.2, 0.3, 0.95)))), 24.0);
    float depth = clamp(1.25 - 0.5 * (high - 1.4), 0.55, 1.0);
    colour = vec4(depth * (mix(ink, vec3(1.0), 0.3) * light + 0.15 * shine), 1.0);
    return;
  }
}`;

/**
 * Draws input and result side by side, in halves of one canvas. The slider is the share of the mask's volume
 * that surfaces enclose: a histogram of the bytes gives the level of each map, so that both enclose the same
 * volume.
 */
const SOLID = `
(() => {
  const data = document.getElementById('solids');
  const canvas = document.getElementById('solid-canvas');
  if (!data || !canvas) return;
  const { maps, shape, maskShare } = JSON.parse(data.textContent);
  const gl = canvas.getContext('webgl2', { antialias: true, alpha: true, premultipliedAlpha: true });
  if (!gl) {
    document.getElementById('solid-view').hidden = true;
    document.getElementById('solid-missing').hidden = false;
    return;
  }
  const program = gl.createProgram();
  const add = (kind, text) => {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) console.error(gl.getShaderInfoLog(shader));
    gl.attachShader(program, shader);
  };
  add(gl.VERTEX_SHADER, '#version 300 es\\nout vec2 at; void main() {' +
    ' vec2 p = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0;' +
    ' at = p; gl_Position = vec4(p, 0.0, 1.0); }');
  add(gl.FRAGMENT_SHADER, FRAGMENT);
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.bindVertexArray(gl.createVertexArray());
  const uniform = (name) => gl.getUniformLocation(program, name);
  const [nz, ny, nx] = shape;
  const longest = Math.max(...shape);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  const solids = maps.map(({ role, bytes }) => {
    const values = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_3D, texture);
    gl.texImage3D(gl.TEXTURE_3D, 0, gl.R8, nx, ny, nz, 0, gl.RED, gl.UNSIGNED_BYTE, values);
    for (const edge of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R])
      gl.texParameteri(gl.TEXTURE_3D, edge, gl.CLAMP_TO_EDGE);
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER])
      gl.texParameteri(gl.TEXTURE_3D, filter, gl.LINEAR);
    const above = new Float64Array(257);
    for (const v of values) above[v]++;
    for (let v = 255; v >= 0; v--) above[v] += above[v + 1];
    return { role, texture, above };
  });
  const levelSlider = document.getElementById('solid-level');
  const zoomSlider = document.getElementById('solid-zoom');
  const leftChoice = document.getElementById('solid-left');
  let yaw = 0.5, pitch = 0.35, waiting = false;
  const levelFor = ({ above }, share) => {
    const wanted = share * maskShare * nx * ny * nz;
    let v = 255;
    while (v > 1 && above[v] < wanted) v--;
    const part = above[v] === above[v + 1] ? 0 : (wanted - above[v + 1]) / (above[v] - above[v + 1]);
    return (v + 1 - Math.min(1, Math.max(0, part))) / 255;
  };
  const colourOf = (role) => {
    const probe = document.createElement('i');
    probe.style.color = 'var(--' + role + ')';
    canvas.parentElement.append(probe);
    const parts = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255);
    probe.remove();
    return parts;
  };
  const draw = () => {
    waiting = false;
    const ratio = Math.min(1.5, window.devicePixelRatio || 1);
    const width = Math.max(2, Math.round(canvas.clientWidth * ratio));
    const height = Math.max(2, Math.round(canvas.clientHeight * ratio));
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    gl.uniformMatrix3fv(uniform('turn'), false, [cy, 0, -sy, sy * sp, cp, cy * sp, sy * cp, -sp, cy * cp]);
    gl.uniform3f(uniform('size'), nx / longest, ny / longest, nz / longest);
    gl.uniform1f(uniform('zoom'), Number(zoomSlider.value));
    gl.uniform1f(uniform('stepLength'), 0.5 / longest);
    const half = Math.floor(width / 2);
    const shorter = Math.min(half, height);
    gl.uniform2f(uniform('aspect'), (0.6 * half) / shorter, (0.6 * height) / shorter);
    const left = leftChoice ? leftChoice.value : 'input';
    [left, 'result'].forEach((role, i) => {
      const solid = solids.find((s) => s.role === role);
      gl.viewport(i * half, 0, half, height);
      gl.bindTexture(gl.TEXTURE_3D, solid.texture);
      gl.uniform1f(uniform('level'), levelFor(solid, Number(levelSlider.value) / 100));
      gl.uniform3f(uniform('ink'), ...colourOf(role));
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    });
    document.getElementById('solid-percent').textContent = levelSlider.value + ' % of the mask';
    canvas.dataset.drawn = String(Number(canvas.dataset.drawn || 0) + 1);
  };
  const redraw = () => { if (!waiting) { waiting = true; requestAnimationFrame(draw); } };
  canvas.addEventListener('pointerdown', (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener('pointermove', (event) => {
    if (!event.buttons) return;
    yaw -= event.movementX * 0.01;
    pitch = Math.min(1.57, Math.max(-1.57, pitch + event.movementY * 0.01));
    redraw();
  });
  canvas.addEventListener('keydown', (event) => {
    const turns = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
    const turn = turns[event.key];
    if (!turn) return;
    event.preventDefault();
    yaw += turn[0];
    pitch = Math.min(1.57, Math.max(-1.57, pitch + turn[1]));
    redraw();
  });
  for (const control of [levelSlider, zoomSlider]) control.addEventListener('input', redraw);
  if (leftChoice) leftChoice.addEventListener('change', () => {
    document.getElementById('solid-left-name').textContent = leftChoice.selectedOptions[0].textContent;
    redraw();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  new ResizeObserver(redraw).observe(canvas);
  redraw();
})();`;

/** As a literal of JavaScript: the shader contains line breaks. */
const FRAGMENT = JSON.stringify(FRAGMENT_SHADER);
/** The whole script. Its hash is in the content-security policy, so that it must be embedded unchanged. */
export const pageScript = `'use strict';\n${COMPARE}\nconst FRAGMENT = ${FRAGMENT};\n${SOLID}\n`;
