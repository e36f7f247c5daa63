import { type Command, type Io, UsageError } from './command.ts';
import { ls } from './ls.ts';
import { purge } from './purge.ts';
import { show } from './show.ts';
import { stats } from './stats.ts';
import { escapeUnsafe } from './text.ts';
import { warm } from './warm.ts';
import { watch } from './watch.ts';

const NAME = 'redis-response-cache';

const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries({ stats, ls, show, purge, warm, watch }),
);

const HELP = `Usage: ${NAME} COMMAND [OPTIONS]

Commands:
${[...COMMANDS].map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`).join('\n')}

Options:
  -h, --help  help for a command, or this list
  --version   the version of this package
`;

/** Runs the command that the arguments name. Resolves to the exit code: 2 for bad arguments. */
export async function main(args: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = args;
  if (name === '--version') return print(io, `${io.version}\n`);
  if (name === '--help' || name === '-h') return print(io, HELP);
  const command = COMMANDS.get(name ?? '');
  if (!command) {
    const problem = name === undefined ? '' : `${NAME}: unknown command ${escapeUnsafe(name)}\n\n`;
    io.err.write(problem + HELP);
    return 2;
  }
  const options = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  if (options.includes('--help') || options.includes('-h')) return print(io, command.help);
  try {
    return await command.run(rest, io);
  } catch (error) {
    if (io.signal.aborted) return Number(io.signal.reason);
    const { message, code } = error as Error & { code?: unknown };
    const isUsage = error instanceof UsageError || String(code).startsWith('ERR_PARSE_ARGS_');
    io.err.write(`${NAME} ${name}: ${escapeUnsafe(message)}\n`);
    if (isUsage) io.err.write(`\n${command.help}`);
    return isUsage ? 2 : 1;
  }
}

function print({ out }: Io, text: string): number {
  out.write(text);
  return 0;
}
