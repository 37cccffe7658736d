export { fftColumns, rfftRows8, irfftRows8 } from './fft';
export { configureProfiles, configureSliding, seedX, slideX, profileRow, emitRow } from './window-profiles';
export { multiplySpectra, accumulateShell } from './shell-convolutions';
export { filterRow } from './radial-filter';
export { splatAtom } from './model-map';
export { gatherRow } from './symmetrise';
export { configureCorrelations, softenX, correlateRow } from './local-resolution';
export {
  combineRows, bandRow, tiltedBandRow, addBlockSquares, convolve, blend, accumulateRow
} from './band-scaling';
