// The page: <input type="file" multiple> and <output></output>. Two half maps are sharpened when they are chosen.
const worker = new Worker(new URL('./sharpen-worker.js', import.meta.url), { type: 'module' });
const output = document.querySelector('output');

document.querySelector('input').addEventListener('change', ({ target }) => {
  worker.postMessage([...target.files]);
});

worker.onmessage = ({ data: { message, map } }) => {
  output.textContent = message;
  if (map === undefined) return;
  const link = Object.assign(document.createElement('a'), { download: 'sharpened.mrc', textContent: 'Save' });
  link.href = URL.createObjectURL(map);
  output.append(' ', link);
};
