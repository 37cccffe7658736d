export function testsOfSurroundings(root: string): string[];
