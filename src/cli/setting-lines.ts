export type ShownSetting = { variable: string; value: string; about: string }

/** Settings as lines of an environment file. */
export function settingLines(settings: ShownSetting[]): string[] {
  const lines = settings.map(({ variable, value }) => `${variable}=${value}`)
  const width = Math.max(...lines.map((line) => line.length))
  return settings.map(({ about }, index) => `${lines[index]?.padEnd(width)}  # ${about}`)
}
