/** A database's address without its password, for people. */
export function maskedUrl(url: string): string {
  return url
    .replace(/:\/\/([^:@/]*):.*@/, '://$1:****@')
    .replace(/([?&](?:password|sslpassword)=)[^&]*/gi, '$1****')
}
