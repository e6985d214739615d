/** Told of every file operation that took effect, for the metrics. */
export type FileOperationObserver = (
  operation: 'create' | 'read' | 'update' | 'delete' | 'rename' | 'copy',
  backendType: string,
) => void;

/** Nest token of the `FileOperationObserver`. */
export const FILE_OPERATION_OBSERVER = Symbol('FileOperationObserver');
