import { parseArgs } from 'node:util';

export const USAGE = `npm run bench [-- OPTIONS]

  --only NAME[,NAME]   these works alone (a name or how several begin: get, put-4k)
  --seconds N          length of one measurement (3)
  --rounds N           measurements of each side, taken in turns (5)
  --json               one JSON document on stdout in place of the table
  --check              end with 1 when a work is below its reach
  --install            install missing tools with apt-get (as root)
  --dir DIRECTORY      where both sides keep their files; compare on the disk that counts (the temporary directory)
  --list               name the works and end
`;

export function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string' },
      seconds: { type: 'string', default: '3' },
      rounds: { type: 'string', default: '5' },
      dir: { type: 'string' },
      json: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      install: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return {
    ...values,
    only: values.only?.split(','),
    seconds: positive('seconds', values.seconds),
    rounds: positive('rounds', values.rounds),
  };
}

function positive(name, text) {
  const value = Number(text);
  if (value > 0) return value;
  throw new Error(`--${name} takes a number above 0, not "${text}".`);
}
