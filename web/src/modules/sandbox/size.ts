const GIB = 1024 ** 3

export const sizeWords = (bytes: number): string =>
  bytes >= GIB ? `${Number((bytes / GIB).toFixed(1))} GiB` : `${Math.round(bytes / 1024 ** 2)} MiB`
