export declare const COMPUTING_ARGS: string[];
