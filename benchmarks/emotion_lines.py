"""Lines of our own as people say them to assistants and in shops, which GoEmotions, comments on Reddit, hardly has.

Without them a plain "No, that is all." is taken for anger, since who says no on Reddit mostly is.
"""

from itertools import product

from pipeline.sentiment.training_data import Labelled

REPEATED = 8
"""Times that each line is learned."""

THINGS = (
    *("a table for four", "a one way ticket", "a room for two nights", "an appointment on Monday", "a bus to the city"),
    *(
        "a taxi to the station",
        "a song by that band",
        "a two bedroom flat",
        "a flight in the morning",
        "a doctor nearby",
    ),
)

FRAMES = (
    *("I want {}.", "I need {}.", "I would like {}.", "I'd like to book {}.", "I am looking for {}.", "Find me {}."),
    *("Can you get me {}?", "Do you want {}?", "Would you like {}?", "Please confirm: {}.", "I have found {}."),
    *("No, I don't need {}.", "No, I don't want {} right now.", "Yes, {}.", "Sure, {} at 5 pm.", "I wish to have {}."),
)

PLAIN = """
    No. / No, that is all. / No, that's all. / No, that's it. / No, thats it. / No, nothing else.
    Nope, that's everything. / No, not now. / No, not right now. / No, not at the moment. / No, not yet.
    No, not today. / Not at this time. / Nope. / No, it is not. / No, it's not. / It does not. / They do not.
    No, they don't. / No, I do not. / No, I don't. / No, I don't think so. / I don't think so. / No, I'm all set.
    No, that is not necessary. / No, that is not required. / No, don't do that. / No, I don't want that.
    No, not for now. / No, I do not need anything else. / Not really. / Yes. / Yes, it is. / Yes, they do.
    Yes, it does. / Yes, that is right. / Yes, that's correct. / Yes, go ahead. / That works for me. / That is fine.
    That sounds fine. / Okay. / Ok, go on. / Sure. / Alright. / I see. / Not a problem.
    Your reservation is complete. / The booking is complete. / Your appointment is complete. / It has been booked.
    Your booking is confirmed. / The event has been added. / The payment has been made. / The song is now playing.
    The flat is not furnished. / Pets are not allowed there. / There is no wifi. / It has no parking.
    No smoking inside. / The apartment is not furnished, and pets are not allowed. / They do not have live music.
    It does not take cards. / There are no direct flights on that day. / There is nothing else on that date.
    It leaves at 8 and costs 30 dollars. / Is there anything else? / Anything else I can help with?
    Can I help you with anything else? / What else do you need? / What time do you want to leave?
    Which city are you in? / How many people will there be? / What date is it for? / Where do you want to go?
    What kind of food do you want? / Do they have vegetarian options? / Is it a pool ride? / What is the address?
    What is their phone number? / How much does it cost? / How long does it take? / Who sings it?
    The address is 12 Main Street. / The phone number is 408 555 0100. / It costs 45 dollars. / It is 3 miles away.
    It has 4 stars. / It opens at 9 and closes at 6. / It will rain in the afternoon. / The wind is 5 miles an hour.
    You can change it in the settings. / Open the file and read the second line. / The function returns a list.
    Here is an example. / Here are three steps. / First, heat the oven. / The answer is 42. / Let me look that up.
"""

GLAD = """
    Have a terrific day. / Have a terrific weekend! / That is terrific news. / Terrific, thanks.
    It was a terrific show. / Wonderful, that is all I need. / Great, nothing else, thank you.
    No, thank you, you have been very helpful. / No, that is perfect, thanks! / Yes, thank you so much.
    My pleasure. / You have been great.
"""

CROSS = """
    No! I said no! / No, leave me alone! / No, that is ridiculous. / No, you are lying to me.
    Stop wasting my time. / This is unacceptable, I want my money back. / You got it wrong again, I am fed up.
    What an awful service.
"""


def emotion_lines() -> list[Labelled]:
    requests = [frame.format(thing) for frame, thing in product(FRAMES, THINGS)]
    said = {"neutral": [*requests, *REPEATED * _lines(PLAIN)], "joy": REPEATED * _lines(GLAD)}
    said["anger"] = REPEATED * _lines(CROSS)
    return [(text, frozenset({emotion})) for emotion, texts in said.items() for text in texts]


def _lines(text: str) -> list[str]:
    return [line.strip() for lines in text.strip().splitlines() for line in lines.split(" / ")]
