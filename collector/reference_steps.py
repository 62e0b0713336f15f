"""What docs/configuration.md says of APIs that take several requests, with an example that a test loads."""

from __future__ import annotations

from typing import Final

EXAMPLE: Final = """\
apis:
  - name: Orders
    interval: 1m
    timeout: 10s                       # for all steps together
    steps:
      - name: login
        url: https://auth.example.com/token
        method: POST
        headers: {Content-Type: application/x-www-form-urlencoded}
        body: grant_type=client_credentials
        basic_auth: {username: monitoring, password: "${AUTH_PASSWORD}"}
        take: {token: {json: $.access_token}}
        cache: $.expires_in            # or a duration such as 50m
      - name: create
        url: https://api.example.com/orders
        method: POST
        headers: {Authorization: "Bearer ${login.token}", Content-Type: application/json}
        body: '{"item": "test", "quantity": 1}'
        expected_status: 201
        take:
          id: {header: X-Order-Id}
          state: {matches: '"state": *"(\\w+)"'}
      - name: show
        url: https://api.example.com/orders/${create.id}?state=${create.state}
        headers: {Authorization: "Bearer ${login.token}"}
        expected_body: {json: [{path: $.item, equals: test}]}
"""

STEPS: Final = f"""\
An API that one request does not show has `steps` instead of a `url`: up to ten requests, sent one after the other until one fails.
What an answer gives is taken (`take`) and filled in behind it: `${{login.token}}` is the value `token` of the step `login`.

```yaml
{EXAMPLE}```

A step has the keys of this table, and `method`, `headers`, `body`, `rapidapi`, `basic_auth`, `bearer`, `expected_status` and
`expected_body` as an API has them. What the API and the defaults say holds for all its steps, **also for those at another host**:
write a credential that is for one host at the step that needs it.

- **Measured**: the probe is one request in all metrics. Its response time is that of all the steps that were sent, without what
  lies between them; its phases add up over them; `timeout` is for all together. `rapidapi_api_step_seconds` (`_sum`, `_count`)
  has each step's time, that of its connection included unless the API says `reuse_connection: true`. `reason` names the step
  that failed: `login:http_4xx`. These series start at 0 as all others do, so that an API costs ten for each of its steps (eight
  reasons, a sum and a count) instead of the eight reasons without a step. The certificate that ends first counts, and of quotas
  of the same name the one with the fewest requests left; a 429 of any step, or its `Retry-After`, pauses the API.
- **Kept**: while what a step took is kept (`cache`), the step is not sent. It is kept for the time stated, counted from when its
  request was sent, and used only if it lasts until the probe's timeout; so it is never used when it has expired, and a duration not above interval and timeout
  together, with which it never would be, is refused. If a step that uses it is answered 401, it is thrown away, the step that gave it is sent again, and then the refused one, once, all in the
  same probe, as a client does whose token was revoked. A reload that leaves the API as it was keeps what is kept; a changed API
  starts without, and so does a restarted collector.
- **Sent**: a value goes nowhere but where its `${{step.value}}` stands: in the `url` behind the host, percent-encoded; in
  `headers`; in the `body`, quoted as JSON or form if the `Content-Type` says so, else as it is. It is one line of text: an answer
  without it, with an empty one, or with a line break in it is an error of that step, such as `login:body`. It never appears in a
  metric, a log or an error.
"""
