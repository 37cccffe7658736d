/** Public API: local sharpening as a library. The command line (cli.ts) is one caller among others. */
export {
  type HashedFile,
  type MapFileOptions,
  openMapFile,
  readMapFile,
  readModelFile,
  writeMapFile,
} from './files/index.ts';
export * from './library.ts';
export { type NetworkChoice, openNetwork } from './open-network.ts';
