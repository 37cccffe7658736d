#!/usr/bin/env node
/**
 * The program `locscale-gpu-relion`: `locscale-gpu relion` under one name, because RELION's form takes one
 * file as external executable.
 */
import process from 'node:process';

// Ranks started for other GPUs inherit the arguments from here on.
if (process.argv[2] !== 'relion') process.argv.splice(2, 0, 'relion');
await import('./cli.ts');
