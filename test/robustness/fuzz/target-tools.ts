/** What targets share: promises of readers, and small tools for bytes. */
export { ascii, hashOf, join, property, withClearRefusals } from './targets/small-weights.ts';
