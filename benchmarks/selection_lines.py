"""Pairs of exchanges of our own that lie near each other: some say the same, others do not, by kind."""

REPLY = "I can help you with that, one moment please."

_SAME = {
    "politeness": """
        How do I cancel my subscription? | Could you please tell me how I can cancel my subscription?
        Where is the nearest pharmacy? | Hello, can you tell me where the nearest pharmacy is, please?
        I want to return these shoes. | Hi there, I would like to return these shoes please.
        What time does the museum open? | Could you tell me what time the museum opens?
        Recommend a good film for tonight. | Can you please recommend me a good film for tonight?
        Is there a direct bus to the airport? | Do you know if there is a direct bus to the airport?
        My laptop does not start. | Hi, my laptop does not start, please help me.
        How long do I boil an egg? | Hey, how long should I be boiling an egg?
        Why is the sky blue? | Can you please explain why the sky is blue?
        Write a poem about the sea. | Could you write me a poem about the sea, please?
    """,
    "order": """
        In the summer, what should I wear to the office? | What should I wear to the office in the summer?
        The parcel with my books, where is it? | Where is the parcel with my books?
        For a beginner, which guitar is best? | Which guitar is best for a beginner?
        If it rains, is the market still open? | Is the market still open if it rains?
        How can I in Python sort a list of words? | How can I sort a list of words in Python?
        After dinner I always feel tired, why? | Why do I always feel tired after dinner?
        At night my baby cries a lot. | My baby cries a lot at night.
        With this phone, can I take pictures under water? | Can I take pictures under water with this phone?
    """,
    "form": """
        What are good exercises for back pain? | What is a good exercise for back pains?
        How do I train my dog to sit? | How do I go about training my dogs to sit?
        What helps against a headache? | What will help against headaches?
        Is it hard to learn the violin? | Is learning the violin hard?
        Do cats like to swim? | Does a cat like swimming?
        How do plants grow without soil? | How does a plant grow without soil?
        Which vitamins does an orange have? | Which vitamin does an orange have?
        I need a recipe for vegetable soup. | I am needing recipes for vegetable soups.
    """,
    "synonym": """
        How do I purchase a ticket? | How do I buy a ticket?
        My child is ill. | My child is sick.
        What is the quickest way to the station? | What is the fastest way to the station?
        How do I repair a flat tyre? | How do I fix a flat tyre?
        Can you suggest a book? | Can you recommend a book?
        The film was terrible. | The movie was awful.
        How do I begin with yoga? | How do I start with yoga?
        Where can I find a physician? | Where can I find a doctor?
        Is this seat taken? | Is this seat occupied?
        How do I delete my account? | How do I remove my account?
    """,
}
_OTHER = {
    "number": """
        How do I cook rice for 2 people? | How do I cook rice for 6 people?
        Set an alarm for seven please. | Set an alarm for nine please.
        The flat has 3 rooms and costs 900 euros. | The flat has 3 rooms and costs 1900 euros.
        What happened in 1914? | What happened in 1941?
        Take 1.5 tablets before breakfast. | Take 15 tablets before breakfast.
        Add 2 cups of flour to the dough. | Add 12 cups of flour to the dough.
        It is -5 degrees outside, what do I wear? | It is 5 degrees outside, what do I wear?
        Book a table at 18:30 for us. | Book a table at 19:30 for us.
        My grandmother is 68 years old. | My grandmother is 86 years old.
        Divide the bill by three. | Divide the bill by four.
    """,
    "negation": """
        Can I take this medicine with milk? | Can I not take this medicine with milk?
        My order has arrived. | My order has not arrived.
        I am able to log in. | I am unable to log in.
        There is sugar in this drink. | There is no sugar in this drink.
        You should open the oven while it bakes. | You should never open the oven while it bakes.
        The doctor says I can run again. | The doctor says I can't run again.
        Show me dishes with meat. | Show me dishes without meat.
        She agreed to the plan. | She disagreed with the plan.
        The password was accepted. | The password was not accepted.
        I like to be alone. | I don't like to be alone.
    """,
    "name": """
        What is the weather in Vienna today? | What is the weather in Geneva today?
        Send this letter to Peter for me. | Send this letter to Paul for me.
        Who won the match between Spain and Italy? | Who won the match between Spain and Portugal?
        Is the river Danube longer? | Is the river Rhine longer?
        Play a song by Mozart. | Play a song by Schubert.
        I was born in Norway and live in Sweden. | I was born in Norway and live in Denmark.
        How do I say thanks in Polish? | How do I say thanks in Turkish?
        Which trains go from Leeds to York? | Which trains go from York to Leeds?
        Is there a flight from Madrid to Lisbon? | Is there a flight from Madrid to Porto?
        Tell me about the painter Monet. | Tell me about the painter Manet.
    """,
    "opposite": """
        How do I turn the heating on? | How do I turn the heating off?
        Is the shop open on Sundays? | Is the shop closed on Sundays?
        How can I gain weight? | How can I lose weight?
        The price went up last week. | The price went down last week.
        What is the minimum age? | What is the maximum age?
        Turn left at the church. | Turn right at the church.
        Are the windows inside dirty? | Are the windows outside dirty?
        I want to buy a house. | I want to sell a house.
        Should I eat before the exam? | Should I eat after the exam?
        Is the water too hot? | Is the water too cold?
    """,
    "thing": """
        How do I reset my password? | How do I reset my router?
        Can dogs eat grapes? | Can cats eat grapes?
        Which wine goes with fish? | Which wine goes with beef?
        How do I clean a leather sofa? | How do I clean a leather jacket?
        What is the symptom of a cold? | What is the symptom of an allergy?
        My brother broke his arm. | My brother broke his leg.
        I am looking for a red dress. | I am looking for a green dress.
        How many calories has an apple? | How many calories has a banana?
        Is there a pool in the hotel? | Is there a gym in the hotel?
        Where do I park my bicycle? | Where do I park my motorbike?
    """,
    "order": """
        Does the dog chase the cat? | Does the cat chase the dog?
        Is coffee better than tea? | Is tea better than coffee?
        My sister called my mother yesterday. | My mother called my sister yesterday.
        Translate this from German to English. | Translate this from English to German.
        Convert miles to kilometres for me. | Convert kilometres to miles for me.
        First fry the onions and then add the garlic. | First fry the garlic and then add the onions.
        Is the moon bigger than the earth? | Is the earth bigger than the moon?
        The teacher thanked the student. | The student thanked the teacher.
    """,
    "detail": """
        What is a good present for my aunt? | What is a good present for my aunt who hates flowers?
        How do I bake a cake? | How do I bake a cake in a pan on the stove?
        Can I bring a friend? | Can I bring a friend and his three dogs?
        I need a hotel in the centre. | I need a hotel in the centre with a wheelchair ramp.
        What can I cook with eggs? | What can I cook with eggs and spinach?
        Is it safe to fly? | Is it safe to fly with a broken rib?
        Where can I learn to paint? | Where can I learn to paint portraits in oil?
        My phone is slow. | My phone is slow and the battery swells.
    """,
}


def pairs(kinds: dict[str, str]) -> dict[str, list[tuple[str, str]]]:
    """Kind to pairs of prompts."""
    found = {}
    for kind, lines in kinds.items():
        sides = [line.split(" | ") for line in map(str.strip, lines.splitlines()) if line]
        found[kind] = [(one, other) for one, other in sides]
    return found


SAME, OTHER = pairs(_SAME), pairs(_OTHER)
