"""Near-duplicate meanings, decontamination, selection and a query, from raw conversations to packed tokens."""

import json
from collections.abc import Callable
from pathlib import Path

from pipeline.contract.artifact import Artifact
from pipeline.contract.execute import execute
from pipeline.contract.run import Run
from pipeline.report.explain import explain
from pipeline.selection.encoding import ConversationEncoder
from pipeline.selection.vectors import products, similarity
from tests.artifacts import dropped, kept

FOOD = ["soup", "bread", "pasta", "rice", "cheese", "cake", "beans", "pizza", "salad", "fish", "eggs", "curry"]
MATTERS = [
    "invoice",
    "refund",
    "parcel",
    "password",
    "account",
    "address",
    "receipt",
    "discount",
    "voucher",
    "contract",
]
TALKS = [
    *(
        [("user", f"How do I cook {food} at home?"), ("assistant", f"Boil the {food} gently and add salt.")]
        for food in FOOD
    ),
    *(
        [("user", f"I have a question about my {it}."), ("assistant", f"I will gladly look at your {it} right away.")]
        for it in MATTERS
    ),
    [("user", "Where can I see the status of my order in the shop?"), ("assistant", "You see it in your account.")],
    [
        ("user", "Hello there, could you please tell me where I can see the status of my order in the shop?"),
        ("assistant", "You can see it in your account."),
    ],
    [("user", "How high is the tower of Eiffel in Paris?"), ("assistant", "It is about 330 metres high.")],
    [("user", "What's the capital city of France?"), ("assistant", "Paris")],
]
TOPICS = 'audit.topics={"food": "talking about cooking and food", "service": "talking about orders and invoices"}'


def test_what_is_chosen_by_meaning_trains_and_all_else_says_why(make_run: Callable[..., Run], tmp_path: Path) -> None:
    examples = tmp_path / "examples.jsonl"
    wanted = [("user", "My order has not arrived, can you check the invoice?"), ("assistant", "I will look at it.")]
    talk = [{"role": role, "content": content} for role, content in wanted]
    examples.write_text(json.dumps({"messages": talk}) + "\n" + json.dumps({"text": "my voucher does not work"}) + "\n")
    measured = [{"role": "user", "content": "What is the height of the Eiffel Tower in Paris?"}]
    measured.append({"role": "assistant", "content": "The tower is some 330 metres in height."})
    evaluation_set = tmp_path / "evaluation.jsonl"
    evaluation_set.write_text(json.dumps({"messages": measured}) + "\n")
    settings = [
        TOPICS,
        f"deduplicate.evaluation_sets=[{evaluation_set}]",
        "audit.max_clusters=0",
        "clean.rules={min_chars: 1}",
        "review={mode: automatic, max_severity: critical}",
        "balance.max_topic_share=1",
        "balance.counterfactual_share=0",
        "balance.semantic_duplicates.min_similarity=0.85",
        "balance.decontamination={min_similarity: 0.85, against: [probes, evaluation_sets]}",
        f"balance.selection={{method: nearest, rows: 8, examples: {examples}}}",
        "tokenise={vocabulary: 512, sequence_length: 64}",
        "tokenise.select.nearest={texts: [I have lost my password], rows: 3}",
    ]
    run = make_run(TALKS, settings)
    made: dict[str, Artifact] = {}
    for task in (
        "acquire",
        "clean",
        "deduplicate",
        "embed",
        "sentiment",
        "audit",
        "review",
        "generate",
        "balance",
        "tokenise",
    ):
        made |= {artifact.manifest["stage"]: artifact for artifact in execute(run, task)}

    said = {name: of["messages"][0]["content"] for name, of in kept(made["deduplicate"]).items()}
    gone = {name: (rule, evidence) for name, (rule, evidence) in dropped(made["balance"]).items()}
    rules = {said[name]: rule for name, (rule, _) in gone.items()}
    held_out = [name for name, of in kept(made["deduplicate"]).items() if of["split"] != "train"]
    assert not set(held_out) & gone.keys()
    near = {said[name]: evidence for name, (rule, evidence) in gone.items() if rule == "near_evaluation"}
    sets = {TALKS[-1][0][1]: "probes/facts", TALKS[-2][0][1]: str(evaluation_set)}
    trained = {asked: name for asked, name in sets.items() if asked not in {said[name] for name in held_out}}
    assert {asked: evidence["evaluation_set"] for asked, evidence in near.items()} == trained
    assert near[TALKS[-1][0][1]]["matched"] == "paris"
    proofs = {rule: (said[name], evidence) for name, (rule, evidence) in gone.items()}
    asked, evidence = proofs["semantic_duplicate"]
    assert (asked, said[evidence["matched"]]) == (TALKS[-4][0][1], TALKS[-3][0][1]), "the longer one stays"
    assert all(rule == "not_selected" for text, rule in rules.items() if "cook" in text)
    train = {said[name] for name, of in kept(made["balance"]).items() if of["split"] == "train"}
    assert len(train) == 8
    assert not any("cook" in text for text in train)
    for rule, evidence in gone.values():
        if rule == "not_selected":
            assert evidence["method"] == "nearest"
            assert evidence["similarity"] <= evidence["least"]

    out = {name: evidence for name, (rule, evidence) in dropped(made["tokenise"]).items() if rule == "not_in_query"}
    assert len(out) == 5
    assert made["tokenise"].metrics["query"]["rows"] == 3
    rows = {name: of for name, of in kept(made["balance"]).items() if of["split"] == "train"}
    encode = ConversationEncoder(run.profile.embed, run.profile.embedding)
    talks = [[(message["role"], message["content"]) for message in of["messages"]] for of in rows.values()]
    cosines = similarity(products(encode(talks), encode([[("user", "I have lost my password")]]))[:, 0])
    ranked = sorted(zip(-cosines, rows, strict=True))
    assert rows.keys() - out.keys() == {name for _, name in ranked[:3]}
    name, evidence = next(iter(out.items()))
    assert evidence["condition"] == "nearest"
    assert any(line.startswith("  tokenise: dropped by rule not_in_query") for line in explain(run, name))
    name = next(name for name, (rule, _) in gone.items() if rule == "not_selected")
    assert any(line.startswith("  balance: dropped by rule not_selected") for line in explain(run, name))
