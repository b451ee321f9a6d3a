"""What the models of the chaos write that write programs: they pay, wait and delegate, and look at what came of it.

Each program calls things by numbers that it has drawn, so that one that is run again somewhere else with another chance calls
other things; and each checks that every answer came to the call that it belongs to. Their payments are of different amounts, by
which a payment is known that was made twice as two calls.
"""

from __future__ import annotations

LISP = """
(def places (vec (repeatedly 3 #(rand-int 1000000))))
(def seen (pmap (fn [place] (tool/look_at {:place place})) places))
(defn paid? [amount said] (clojure.string/includes? said (str "charged " amount)))
(def first-two [(tool/charge {:amount 11}) (tool/charge_slowly {:amount 12})])
(def side-by-side (pcalls #(tool/charge {:amount 13}) #(tool/checker {:task "check TASK"}) #(tool/charge {:amount 14})))
(def word (tool/ask_boss {:question "May we?"}))
(def last-one (tool/charge {:amount 15}))
(println (count seen) "places")
"""

LISP_CHECK = """
(def said [(first first-two) (second first-two) (first side-by-side) (nth side-by-side 2) last-one])
(def wrong (remove (fn [[amount what]] (paid? amount what)) (map vector [11 12 13 14 15] said)))
(return (cond
  (not= seen (mapv (fn [place] (str "seen " place)) places)) (str "Wrong places: " seen places)
  (seq wrong) (str "Wrong payments: " wrong)
  (not= word "yes") (str "Wrong word: " word)
  (not= (second side-by-side) "Checked: check TASK") (str "Wrong check: " (second side-by-side))
  :else "Done: TASK"))
"""

PYTHON = """
I look at three places, pay, and ask.

```python
import asyncio
import random

def paid(amount, said):
    return f"charged {amount}" in said

places = [random.randint(1, 1000000) for _ in range(3)]
seen = await asyncio.gather(*[async_tools.look_at(place=place) for place in places])
first = charge(amount=21)
second, word, third = await asyncio.gather(
    async_tools.charge(amount=22), async_tools.ask_boss(question="May we?"), async_tools.charge_slowly(amount=23)
)
told = auditor(task="audit TASK")
print(len(seen), "places")
```
"""

PYTHON_CHECK = """
```python
right = {
    "places": seen == [f"seen {place}" for place in places],
    "payments": paid(21, first) and paid(22, second) and paid(23, third) and paid(24, charge(amount=24)),
    "word": word == "yes",
    "audit": told == "Audited: audit TASK",
}
print("all is right" if all(right.values()) else f"wrong: {right}")
```
"""

AUDIT = """
(let [[seen fee] (pcalls #(tool/look_at {:place 7}) #(tool/charge {:amount 25}))]
  (return (if (and (= seen "seen 7") (clojure.string/includes? fee "charged 25"))
            "Audited: TASK"
            (str "Wrong: " seen fee))))
"""


def program(text: str, task: str) -> str:
    """One of these for an order."""
    return text.replace("TASK", task)
