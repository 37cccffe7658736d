import type { StoredFile } from './doc-tables.d.mts';

export function startUpTable(files: readonly StoredFile[]): string;
export function startUpSections(files: readonly StoredFile[]): string[];
