/** Types of core-folders.mjs, for the tests. */
export const CORE_FOLDERS: readonly string[];
