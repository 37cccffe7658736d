/** Folders of src/ that run in a browser too, with all that they import: no `node:` module is behind them. */
export const CORE_FOLDERS = [
  'atoms',
  'browser',
  'cpu-fallback',
  'engine',
  'formats',
  'gpu',
  'math',
  'network/graph',
  'pipeline',
  'report',
  'screens',
  'shaders',
  'synthetic',
];
