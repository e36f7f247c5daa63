// The lines to try against an API that stays up.

import { say } from './screen.mjs';

const reordered = '/leads?near=52.5,13.4&page=1&minPopulation=100000&country=DE';
const query = '/leads?country=DE&minPopulation=100000&near=52.5,13.4&page=1';

export function tryIt(url) {
  say(`  It listens on ${url} until Ctrl-C. In another terminal:

    api=${url}
    url="$api${query}"

    curl -i "$url"                  # the first time: up to 6 s, fwd=uri-miss; stored
    curl -i "$url"                  # from now on: hit, with its ttl and Age
    curl -i "$api${reordered}"
                                    # other order, same stored response
    curl -I "$url"                  # HEAD, from the stored GET
    etag=$(curl -sI "$url" | awk 'tolower($1) == "etag:" { print $2 }' | tr -d '\\r')
    curl -i "$url" -H "If-None-Match: $etag"       # 304 Not Modified

    curl -X POST -G "$api/purge" --data-urlencode "url=$url"     # forget this one
    curl -X POST "$api/purge"       # forget everything
`);
}
