// mpegts.js with one endless file: /?url=URL. What it does is read from `window.player`.

const url = new URLSearchParams(location.search).get("url");
const video = document.getElementById("video");
const errors = [];
window.addEventListener("error", ({ message }) => errors.push(message));

await new Promise((done, failed) => {
  const script = document.createElement("script");
  document.head.append(Object.assign(script, { src: "/mpegts.js", onload: done, onerror: failed }));
});
const { mpegts } = window;
// FLV over WebSocket has the same ending; the player tells the transport by the scheme.
const type = new URL(url).pathname.endsWith(".ts") ? "mpegts" : "flv";
const player = mpegts.createPlayer({ type, url, isLive: true });
player.on(mpegts.Events.ERROR, (kind, detail, info) => errors.push(`${kind} ${detail} ${JSON.stringify(info)}`));
player.on(mpegts.Events.LOADING_COMPLETE, () => errors.push("the file has ended"));
player.attachMediaElement(video);
player.load();
player.play()?.catch((error) => errors.push(String(error)));

window.player = {
  sample() {
    const { currentTime, paused, ended, error } = video;
    const { totalVideoFrames: frames } = video.getVideoPlaybackQuality();
    const broken = error ? [`the video element: ${error.code} ${error.message}`] : [];
    // Chromium counts the bytes of sound it has decoded.
    const sound = video.webkitAudioDecodedByteCount;
    return { wall: Date.now() / 1000, currentTime, paused, ended, frames, sound, errors: [...errors, ...broken] };
  },
};
