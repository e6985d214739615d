import type { FsckFinding } from '../../use-cases/upkeep/fsck-finding';
import { byteSize } from '../byte-size';
import { plain } from '../locks/lock-table';
import type { Paint } from '../style';

const STYLES = { found: 'red', kept: 'red', repaired: 'green' } as const;

/** A finding for a person: what became of it, what it is, where. */
export function findingText(finding: FsckFinding, paint: Paint): string {
  const { state, kind, message, paths = [], bytes } = finding;
  const where = [
    ...placeOf(finding),
    ...(bytes === undefined ? [] : [byteSize(bytes)]),
    ...(paths.length === 0 ? [] : [`files: ${paths.map((path) => JSON.stringify(path)).join(', ')}`]),
  ];
  return `${paint(STYLES[state], state.padEnd(8))}  ${plain(`${kind}: ${message}; ${where.join(', ')}`)}`;
}

function placeOf({ inode, parent, name, content, backend, instance_id: instance, key }: FsckFinding): string[] {
  const place: string[] = [];
  if (name !== undefined) place.push(parent === undefined ? name : `${JSON.stringify(name)} in directory ${parent}`);
  if (inode !== undefined) place.push(`inode ${inode}`);
  if (content !== undefined) place.push(`content ${content}`);
  if (key !== undefined) place.push(`blob ${key} in ${backend}${instance ? ` of ${instance}` : ''}`);
  return place;
}
