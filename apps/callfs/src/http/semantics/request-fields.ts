/** Header fields as `node:http` hands them on: lower-case names, a repeated field joined with commas. */
export type RequestFields = Readonly<Record<string, string | string[] | undefined>>;

/** One field's value. */
export function field(fields: RequestFields, name: string): string | undefined {
  const value = fields[name];
  return typeof value === 'object' ? value.join(', ') : value;
}
