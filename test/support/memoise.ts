/** What an oracle computes for one engine is right for the others: computed once, by the arguments as JSON. */
export function memoise<A extends readonly unknown[], R>(compute: (...args: A) => R): (...args: A) => R {
  const known = new Map<string, R>();
  return (...args) => {
    const key = JSON.stringify(args);
    if (!known.has(key)) known.set(key, compute(...args));
    return known.get(key) as R;
  };
}
