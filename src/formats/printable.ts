/** A name out of a file, fit for a message: short, and without control characters that act on a terminal. */
export function printable(name: string): string {
  const clean = name.replaceAll(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '?');
  return clean.length > 80 ? `${clean.slice(0, 77)}...` : clean;
}
