import { ROOT_KEY, SECRETS, USERS } from './server';

/** What the servers of the tests are given to keep to themselves, by name. */
export const KEPT_SECRETS: Readonly<Record<string, string>> = {
  'the key of root': ROOT_KEY,
  'the peer secret': SECRETS.internalProxy,
  'the link secret': SECRETS.singleUseLink,
  ...Object.fromEntries(USERS.map(({ name, key }) => [`the key of ${name}`, key])),
};

/** The names of those that stand in `text`, as they are or as a URL or Base64 would have them. */
export function secretsIn(text: string, secrets: Readonly<Record<string, string>> = KEPT_SECRETS): string[] {
  return Object.entries(secrets).flatMap(([name, secret]) =>
    [secret, Buffer.from(secret).toString('base64'), encodeURIComponent(secret)].some((form) => text.includes(form))
      ? [name]
      : [],
  );
}
