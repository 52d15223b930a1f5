"""Changes that make another text, and those that do not. Each pair is long enough to be alike but for the change."""

import numpy as np
import pytest

from pipeline.deduplicate.differences import Words, fixed_of, tells_apart
from pipeline.deduplicate.hashed_words import HashedWords
from pipeline.deduplicate.near_duplicates import duplicates
from pipeline.deduplicate.similarity import Compared

FRAME = "my neighbour told me over the garden fence that {} which surprised everybody who stood there and listened"

APART = {
    "a number": ("the ticket costs 25 francs", "the ticket costs 75 francs"),
    "a number more": ("the ticket costs francs", "the ticket costs 25 francs"),
    "a number in words": ("she took two tablets", "she took twenty tablets"),
    "numbers in another order": ("5 apples and 3 pears", "3 apples and 5 pears"),
    "an ordinal": ("he came first in the race", "he came third in the race"),
    "a Roman number": ("he saw Henry VIII on stage", "he saw Henry VII on stage"),
    "a time": ("the bus leaves at 10:30 sharp", "the bus leaves at 10:45 sharp"),
    "a version": ("it needs python3 to run", "it needs python2 to run"),
    "a power": ("the answer is x² here", "the answer is x³ here"),
    "a sign": ("it was -5 outside", "it was 5 outside"),
    "an operator": ("he compares with == here", "he compares with != here"),
    "a language": ("the book on C++ is good", "the book on C# is good"),
    "a prohibition in Russian": ("там можно ходить", "там нельзя ходить"),
    "a negation in Arabic": ("يمكن شرب الحليب", "لا يمكن شرب الحليب"),
    "a negation in Korean": ("약을 먹어도 괜찮다", "약을 안 먹어도 괜찮다"),
    "for or against": ("the drug is for old men", "the drug is against old men"),
    "a currency": ("it costs $2 today", "it costs €2 today"),
    "a currency in words": ("it costs nine dollars", "it costs nine euros"),
    "a unit": ("it weighs nine mg now", "it weighs nine g now"),
    "a unit of length": ("it is nine km away", "it is nine miles away"),
    "a temperature": ("it has nine °C inside", "it has nine °F inside"),
    "an emoji": ("the exam was 😀 today", "the exam was 😭 today"),
    "a negation": ("it is safe to drink", "it is not safe to drink"),
    "a contraction": ("he does like tea", "he doesn't like tea"),
    "a negation elsewhere": ("he is not glad and she is", "he is glad and she is not"),
    "an opposite": ("it is safe to drink", "it is unsafe to drink"),
    "a prefix that denies": ("he was conscious all day", "he was unconscious all day"),
    "half": ("it moved half a metre", "it moved one metre"),
    "an option": ("start it with -v here", "start it with -q here"),
    "a truth": ("the answer is true", "the answer is false"),
    "a direction": ("turn left at the end", "turn right at the end"),
    "a day": ("it opens on Monday at noon", "it opens on Friday at noon"),
    "a month": ("it opens in march at noon", "it opens in may at noon"),
    "a question": ("he asked when it opens", "he asked where it opens"),
    "a name": ("they met in Paris again", "they met in Oslo again"),
    "a name of one letter": ("they play in A minor", "they play in B minor"),
    "an unknown": ("solve it for x please", "solve it for y please"),
    "a similar name": ("she wrote to Martin again", "she wrote to Marvin again"),
    "a name at the start": ("he left. Paris was cold", "he left. Oslo was cold"),
    "names in each other's place": ("Paul wrote to Mary again", "Mary wrote to Paul again"),
    "words in each other's place": ("a gay couple met a straight couple", "a straight couple met a gay couple"),
    "things in each other's place": ("the dog saw the cat first", "the cat saw the dog first"),
    "a name of the same letters": ("she wrote to Leon again", "she wrote to Noel again"),
    "a short name": ("she wrote to Jon again", "she wrote to Jn again"),
    "who somebody is": ("the muslim lady paid", "the christian lady paid"),
    "he and she": ("he paid for it", "she paid for it"),
    "a town in small letters": ("we drove to lisbon", "we drove to cracow"),
    "a language in small letters": ("he writes it in erlang", "he writes it in haskell"),
    "a medicine": ("she took paracetamol", "she took naproxen"),
    "an animal": ("they are afraid of wolves", "they are afraid of bears"),
    "an animal of few letters": ("it was only a cat", "it was only a hen"),
    "a thing for another of nearly the same letters": ("it was a painting", "it was a printing"),
    "a quality": ("the soup was salty", "the soup was watery"),
    "an action": ("they watered the lawn", "they mowed the lawn"),
    "a day for no day": ("it opens on monday", "it opens on request"),
    "too much and too little of it": ("he had hyperthermia", "he had hypothermia"),
    "a prefix that denies, with other letters": ("the verb is regular", "the verb is irregular"),
    "a percentage": ("it fell by 10%", "it fell by 10"),
    "a derivative": ("he drew f'(x) for us", "he drew f(x) for us"),
    "a list": ("he wrote x = [] there", "he wrote x = {} there"),
    "a negation in German": ("das ist nicht erlaubt", "das ist erlaubt"),
    "a negation in French": ("ce n'est pas permis", "c'est permis"),
    "a negation in Spanish": ("no está permitido", "está permitido"),
    "a negation in Russian": ("это не разрешено", "это разрешено"),
    "a negation in Chinese": ("这里不可以游泳", "这里可以游泳"),
    "with and without in German": ("tee mit milch", "tee ohne milch"),
    "an opposite in German": ("das zimmer ist hell", "das zimmer ist dunkel"),
    "an opposite in French": ("la porte est ouverte", "la porte est fermée"),
    "an opposite in Spanish": ("la sopa está caliente", "la sopa está helada"),
    "an opposite in Russian": ("эта дорога короткая", "эта дорога опасная"),
    "an opposite in Chinese": ("他的左手受伤了", "他的右手受伤了"),
}
ALIKE = {
    "a misspelling": ("the restaurant is good", "the restuarant is good"),
    "a letter of a name left out": ("they met in Berlin again", "they met in Belin again"),
    "a letter of a name doubled": ("they met in Berlin again", "they met in Berllin again"),
    "two letters of a name exchanged": ("they met in Berlin again", "they met in Belrin again"),
    "small words in each other's place": ("just here they meet really", "really here they meet just"),
    "words of different sets": ("they met in spring", "they met after spring"),
    "a filler": ("they met again", "they really met again"),
    "an auxiliary": ("can they meet again", "could they meet again"),
    "a word": ("the centre is nice", "the centre is lovely"),
    "a word less": ("the old centre is nice", "the centre is nice"),
    "a name more": ("they met again", "they met Anna again"),
    "a capital": ("they met in paris", "they met in Paris"),
    "capitals": ("they MET again", "they met again"),
    "a comma": ("well, they met again", "well they met again"),
    "an apostrophe": ("it's here again", "it’s here again"),
    "a contraction": ("he does not like tea", "he doesn't like tea"),
    "digits for a word": ("she took two tablets", "she took 2 tablets"),
    "a group of words elsewhere": ("good morning they said again", "they said again good morning"),
    "the first words of sentences": ("he left. Can they stay", "he left. Could they stay"),
    "a plural": ("he sold his boat there", "he sold his boats there"),
    "a short plural": ("he sold his car there", "he sold his cars there"),
    "another tense": ("she copied the page", "she copies the page"),
    "a doubled letter of a form": ("they begin planning it", "they begin plan it"),
    "a form without its e": ("they enjoy baking it", "they enjoy bake it"),
    "an adverb": ("he spoke frank to us", "he spoke frankly to us"),
    "another spelling": ("the colour was odd", "the color was odd"),
    "a vowel for another": ("in seperate rooms", "in separate rooms"),
    "a letter of a short word left out": ("it rained last week there", "it rained last wek there"),
    "first letters exchanged": ("the mountain was high", "the omuntain was high"),
    "a misspelt opposite": ("it opens on monday", "it opens on moday"),
    "a word in two": ("the old notebook is wet", "the old note book is wet"),
    "a word of praise": ("the weather was great", "the weather was lovely"),
    "a greeting": ("hello they met again", "hi they met again"),
    "a letter in Russian": ("это хорошая книга", "это хороша книга"),
    "a small word in German": ("können sie bitte kommen", "könnten sie bitte kommen"),
    "a small word in French": ("elle est très contente", "elle est aussi contente"),
    "a small word in Spanish": ("él está muy contento", "él está también contento"),
    "a small word in Chinese": ("这本书很好吗", "这本书很好吧"),
    "thousands": ("it costs 12,500 francs", "it costs 12500 francs"),
    "percent": ("it fell by 10%", "it fell by 10 percent"),
    "and": ("salt & pepper are there", "salt and pepper are there"),
    "emphasis": ("it is _really_ late", "it is really late"),
}


def words(text: str) -> Words:
    hashed = HashedWords.of([[("user", text)]])
    return Words(hashed.words, hashed.traits)


def duplicate(a: str, b: str) -> bool:
    both = Compared(HashedWords.of([[("user", "Well?"), ("assistant", text)] for text in (a, b)]), 0.7)
    return bool(duplicates(both, np.array([0]), both, np.array([1]), 0.7, 0.4)[1][0])


@pytest.mark.parametrize(("a", "b"), APART.values(), ids=APART.keys())
def test_another_content_is_another_text(a: str, b: str) -> None:
    assert tells_apart(words(FRAME.format(a)), words(FRAME.format(b)))
    assert tells_apart(words(FRAME.format(b)), words(FRAME.format(a)))
    assert not duplicate(FRAME.format(a), FRAME.format(b))


@pytest.mark.parametrize(("a", "b"), ALIKE.values(), ids=ALIKE.keys())
def test_an_edit_is_no_other_text(a: str, b: str) -> None:
    assert not tells_apart(words(FRAME.format(a)), words(FRAME.format(b)))
    assert not tells_apart(words(FRAME.format(b)), words(FRAME.format(a)))
    assert duplicate(FRAME.format(a), FRAME.format(b))


def test_numbers_signs_and_negations_are_compared_side_by_side() -> None:
    talks = [
        [("user", "is it 5 or 6"), ("assistant", "not 7")],
        [("user", "is it five or 6?"), ("assistant", "7, never 8")],
        [("user", "is it 6 or 5"), ("assistant", "no: 7")],
        [("user", "is it 5 or"), ("assistant", "6 not 7")],
        [("user", "is it"), ("user", "5 or 6"), ("assistant", "it is not seven")],
    ]
    prompts, replies = fixed_of(HashedWords.of(talks)).T.tolist()
    assert [p == prompts[0] for p in prompts] == [True, True, False, False, True]
    assert [r == replies[0] for r in replies] == [True, False, True, False, True]
