import { isMap, type ConfigFile, type ValuePath } from './config-file';
import { KEY_NAMES, KEYS, type KeyName } from './keys';
import { nearest } from './nearest';
import { printable, type ConfigProblem } from './problem';

export interface FileSetting {
  readonly name: KeyName;
  readonly value: unknown;
  /** Where it stands in the file; other than the name when it is spelled flat. */
  readonly path: ValuePath;
}

/** The sections and subsections: every proper prefix of a key. */
const GROUPS = new Set(
  KEY_NAMES.flatMap((name) => name.split('.').map((_, index, parts) => parts.slice(0, index).join('.'))).filter(
    (name) => name !== '',
  ),
);

/** `backend.s3_access_key` for `backend.s3.access_key`. */
const FLAT = new Map<string, KeyName>(
  KEY_NAMES.filter((name) => name.split('.').length === 3).map((name) => {
    const [section, ...rest] = name.split('.');
    return [`${section}.${rest.join('_')}`, name] as const;
  }),
);

/** The settings of a file, and what is there that is none. */
export function settingsOf(file: ConfigFile): { settings: FileSetting[]; problems: ConfigProblem[] } {
  const settings = new Map<KeyName, FileSetting>();
  const problems: ConfigProblem[] = [];

  const visit = (group: Readonly<Record<string, unknown>>, prefix: readonly string[]) => {
    for (const [word, value] of Object.entries(group)) {
      const path = [...prefix, word];
      const spelled = path.join('.');
      const name = isKey(spelled) ? spelled : FLAT.get(spelled);
      const complain = (message: string) =>
        problems.push({ key: path.map(printable).join('.'), message, place: file.placeOf(path) });
      if (name !== undefined) {
        if (settings.has(name)) complain(`is the same as ${name}, which is there as well; keep one of the two`);
        else settings.set(name, { name, value, path });
      } else if (!GROUPS.has(spelled)) {
        complain(`there is no such key${suggestion(spelled, word)}`);
      } else if (isMap(value)) {
        visit(value, path);
      } else if (value !== null && value !== undefined) {
        complain(`expected a section: keys below it, indented`);
      }
    }
  };
  visit(file.sections, []);
  return { settings: [...settings.values()], problems };
}

function isKey(name: string): name is KeyName {
  return Object.hasOwn(KEYS, name);
}

/** A misspelled key of this section, a misspelled section, or a key that stands in the wrong section. */
function suggestion(spelled: string, word: string): string {
  const near = nearest(spelled, [...KEY_NAMES, ...FLAT.keys(), ...GROUPS]);
  const found = near ?? KEY_NAMES.find((name) => name.split('.').pop() === word);
  return found === undefined ? '; "callfs config show" lists what there is' : `; did you mean ${found}?`;
}
