"""An application that is told by mtlsd who its client is (app.conf): WSGI, as Flask and Django are below their own words."""


def app(environ, start_response):
    if environ["PATH_INFO"] == "/healthz":
        text = "ok\n"
    else:
        user, name = environ["HTTP_X_USER"], environ["HTTP_X_SSL_CLIENT_S_DN"]
        address = environ["HTTP_X_FORWARDED_FOR"]
        text = f"Hello {user}, {name}, at {address}. This is {environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}/.\n"
    body = text.encode()
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]
