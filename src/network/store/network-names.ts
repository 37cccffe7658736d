/** Names of EMmerNet's variants in the store. */
export const HIGH_CONTEXT = 'emmernet-high-context';
export const LOW_CONTEXT = 'emmernet-low-context';
