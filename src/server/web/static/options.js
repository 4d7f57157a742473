// What this page is asked to show: the stream from the path, the options from the query.

const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}(\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}){0,3}$/;

/** Reads `{ kind, name, url, ... }`; `name` is null when the path holds none. */
export function readOptions(location) {
  const [, kind, rest] = /^\/(watch|embed)\/(.*?)\/*$/.exec(location.pathname) ?? [null, "watch", ""];
  const query = new URLSearchParams(location.search);
  const flag = (key, otherwise) => {
    const value = query.get(key);
    return value === null ? otherwise : !["0", "false", "no", "off"].includes(value);
  };
  const name = decode(rest);
  return {
    kind,
    name,
    url: name === null ? null : `/live/${name}/index.m3u8`,
    controls: flag("controls", true),
    muted: flag("muted", true),
    autoplay: flag("autoplay", true),
    stats: flag("stats", kind === "watch"),
    engine: query.get("engine"),
  };
}

function decode(text) {
  try {
    const name = decodeURIComponent(text);
    return NAME.test(name) ? name : null;
  } catch {
    return null;
  }
}
