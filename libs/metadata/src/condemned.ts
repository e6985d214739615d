/** Why a commit is refused whose blob was given up while it was on its way. */
export const CONDEMNED_MESSAGE =
  'The upload took so long (storage.orphan_grace) that its bytes were given up; nothing has changed. Send the file again.';
