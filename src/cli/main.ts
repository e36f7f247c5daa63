import { suggestion } from '../known-names.ts';
import { type Command, EXIT, type Io, RedisError, UsageError } from './command.ts';
import { explain } from './explain.ts';
import { ls } from './ls.ts';
import { purge } from './purge.ts';
import { show } from './show.ts';
import { stats } from './stats.ts';
import { escapeUnsafe } from './text.ts';
import { warm } from './warm.ts';
import { watch } from './watch.ts';

const NAME = 'redis-response-cache';

const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries({ ls, show, explain, purge, stats, watch, warm }),
);

const HELP = `Usage: ${NAME} COMMAND [OPTIONS]

Commands:
${[...COMMANDS].map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`).join('\n')}

Options:
  -h, --help     help for a command, or this list
  -v, --version  the version of this package

All commands but warm read Redis: --redis URL, or REDIS_URL in the environment.

  export REDIS_URL=redis://localhost:6379
  ${NAME} ls
  ${NAME} purge --help
`;

/** Runs the command that the arguments name. Resolves to the exit code. */
export async function main(args: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) {
    io.err.write(HELP);
    return EXIT.usage;
  }
  if (name === '--version' || name === '-v') return print(io, `${io.version}\n`);
  if (name === '--help' || name === '-h') return print(io, HELP);
  if (name === 'help') return help(rest[0], io);
  const command = COMMANDS.get(name);
  if (!command) return unknownCommand(name, io);
  const options = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  if (options.includes('--help') || options.includes('-h')) return print(io, command.help);
  try {
    return await command.run(rest, io);
  } catch (error) {
    if (io.signal.aborted) return Number(io.signal.reason);
    const { message } = error as Error;
    if (error instanceof UsageError) return wrongUsage(`${NAME} ${name}`, message, io);
    io.err.write(`${NAME} ${name}: ${escapeUnsafe(message)}\n`);
    return error instanceof RedisError ? EXIT.redis : EXIT.nothing;
  }
}

function help(name: string | undefined, io: Io): number {
  const command = COMMANDS.get(name ?? '');
  if (name !== undefined && !command) return unknownCommand(name, io);
  return print(io, command?.help ?? HELP);
}

function unknownCommand(name: string, io: Io): number {
  if (name.startsWith('-'))
    return wrongUsage(NAME, `${name} must come after the command: ${NAME} COMMAND [OPTIONS]`, io);
  const names = [...COMMANDS.keys()];
  const advice = suggestion(name, names) || ` The commands are ${names.join(', ')}.`;
  return wrongUsage(NAME, `unknown command ${name}.${advice}`, io);
}

function wrongUsage(name: string, problem: string, io: Io): number {
  const end = /[.?]$/.test(problem) ? '' : '.';
  io.err.write(`${name}: ${escapeUnsafe(problem)}${end} See --help.\n`);
  return EXIT.usage;
}

function print({ out }: Io, text: string): number {
  out.write(text);
  return EXIT.done;
}
