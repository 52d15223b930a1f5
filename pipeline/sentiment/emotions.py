"""The emotions that are told apart, and what each says of sentiment."""

POLARITIES = {
    "anger": -1,
    "disgust": -1,
    "fear": -1,
    "joy": 1,
    "neutral": 0,
    "sadness": -1,
    "surprise": 0,
}
"""Ekman's six basic emotions (1992, Cognition and Emotion 6) and none, as GoEmotions (Demszky et al. 2020) groups its
labels, and their sentiment. Surprise is pleasant or not: it counts for neither."""

EMOTIONS = tuple(POLARITIES)
