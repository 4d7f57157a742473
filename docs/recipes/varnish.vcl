# Varnish in front of rillcast: /etc/varnish/default.vcl. docs/caching.md says why each line is there.
vcl 4.1;

import std;

backend origin {
    .host = "127.0.0.1";
    .port = "8080";
    # A request may be held for three target durations.
    .first_byte_timeout = 40s;
    .between_bytes_timeout = 10s;
}

sub vcl_recv {
    if (req.url !~ "^/live/" || (req.method != "GET" && req.method != "HEAD")) {
        return (pass);
    }
    unset req.http.Cookie;
    unset req.http.Authorization;
    # One form of each request, whatever players add to it: the directives alone, in one order.
    set req.url = regsuball(req.url, "([?&])(?!_HLS_(msn|part|skip)=)[^&]*", "\1");
    set req.url = regsuball(req.url, "&+", "&");
    set req.url = regsub(req.url, "\?&", "?");
    set req.url = regsub(req.url, "[?&]+$", "");
    set req.url = std.querysort(req.url);
    # Held requests for the same thing share one; never an old state instead of a new one.
    set req.grace = 0s;
    return (hash);
}

sub vcl_backend_response {
    if (bereq.url !~ "^/live/") {
        return (deliver);
    }
    set beresp.grace = 0s;
    set beresp.keep = 0s;
    if (beresp.http.Cache-Control ~ "no-store") {
        # Not kept; and for a second nobody waits for another's answer that may be no better.
        set beresp.ttl = 1s;
        set beresp.uncacheable = true;
    } elsif (bereq.url ~ "\.m3u8$" && beresp.status == 200) {
        # A playlist without directives is whatever is newest: no longer than half a part.
        set beresp.ttl = 0.25s;
    }
    return (deliver);
}
